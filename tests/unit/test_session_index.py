"""An index takes in what the views hold, whenever it comes, and says which documents are in view."""

import numpy as np
import pytest

from projections.session_index import Document, SessionIndex, TokenRow, VectorRow
from projections.token_vectors import TokenVectors
from tests.shelf import EMBEDDERS, SESSION, Shelf, at_cosine

QUERY = np.array([1, 0], dtype=np.float32)


def chunks(version: int, count: int) -> list[Document]:
    """An instruction of so many chunks."""
    return [Document(kind="persona", version=version, start=10 * n, end=10 * n + 9, terms={}) for n in range(count)]


def vector(version: int, part: int, cosine: float) -> VectorRow:
    return VectorRow(version=version, part=part, vector=at_cosine(cosine))


def cosines(index: SessionIndex) -> list[float | None]:
    """Each document's, None without one."""
    every = np.ones(len(index.documents), dtype=np.bool_)
    found = index.vectors.cosines(QUERY, every, every).round(2).tolist()
    return [None if np.isnan(one) else one for one in found]


def test_each_refresh_reads_only_what_came_since() -> None:
    shelf = Shelf().put(1, "tea", cosine=0.5).feel(1, "joy", version=2)
    index = shelf.index()

    index.refresh(shelf)
    shelf.put(3, "rain", cosine=0.25)
    index.refresh(shelf)

    assert [document.version for document in index.documents] == [1, 3]
    assert index.versions.tolist() == [1, 3]
    assert cosines(index) == [0.5, 0.25]
    assert len(index.vectors) == 2


def test_a_vector_that_comes_later_than_its_text_is_taken_in() -> None:
    shelf = Shelf().put(1).put(2, cosine=0.25)
    index = shelf.index()
    shelf.vectors.append(vector(1, 0, 0.5))

    index.refresh(shelf)

    assert cosines(index) == [0.5, 0.25]


def test_a_vector_that_is_read_before_its_text_waits_for_it() -> None:
    shelf = Shelf().put(1, cosine=0.5)
    shelf.vectors.append(vector(2, 0, 0.25))
    index = shelf.index()
    assert cosines(index) == [0.5]

    index.refresh(shelf)
    shelf.put(2)
    index.refresh(shelf)

    assert cosines(index) == [0.5, 0.25]
    assert len(index.vectors) == 2


def test_the_vector_of_a_text_that_was_forgotten_is_left_out() -> None:
    shelf = Shelf().put(1, cosine=0.5).put(3)
    shelf.vectors.append(vector(2, 0, 0.75))

    assert cosines(shelf.index()) == [0.5, None]


def test_the_best_part_of_a_long_message_counts() -> None:
    shelf = Shelf().put(1)
    shelf.vectors += [vector(1, 0, 0.25), vector(1, 1, 0.75), vector(1, 2, 0.5)]

    assert cosines(shelf.index()) == [0.75]


def test_each_chunk_of_an_instruction_has_its_own_vector() -> None:
    shelf = Shelf(documents=[*chunks(1, 2), *chunks(2, 1)])
    shelf.vectors += [vector(2, 0, 0.75), vector(1, 1, 0.5), vector(1, 0, 0.25)]

    assert cosines(shelf.index()) == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("version", [1, 2])
def test_the_vector_of_a_chunk_that_there_is_not_belongs_to_no_other_document(version: int) -> None:
    shelf = Shelf(documents=[*chunks(1, 2), *chunks(2, 1)], vectors=[vector(version, 2, 0.5)])

    assert cosines(shelf.index()) == [None, None, None]


def test_the_documents_of_versions_are_found_in_their_order() -> None:
    index = Shelf(documents=[*chunks(1, 2), *chunks(4, 1)]).put(5).index()

    assert index.numbers([5, 1, 99]).tolist() == [3, 0, 1]
    assert index.numbers([]).tolist() == []
    assert Shelf().index().numbers([1]).tolist() == []


def test_a_course_has_the_path_in_its_order_and_then_what_lies_beside_it() -> None:
    index = Shelf(documents=chunks(1, 2)).put(4).put(5).put(6).index()

    course = index.course([6, 4, 6, 99], beside=[5, 1, 6])

    assert course.documents.tolist() == [4, 2, 0, 1, 3]
    assert course.places(np.array([4, 3, 0])).tolist() == [0, 4, 2]


def test_token_vectors_that_are_read_before_their_text_wait_for_it() -> None:
    early = TokenRow(version=2, part=0, tokens=TokenVectors(np.ones(1, np.uint16), np.ones((1, 64), np.int8)))
    shelf = Shelf(tokens=[early]).put(1)
    index = SessionIndex(SESSION, embedders=EMBEDDERS, dimensions=2)

    index.refresh(shelf)
    waiting = index.tokens.has_any([0, 1])
    shelf.vectors.append(vector(1, 0, 0.5))
    shelf.put(2)
    index.refresh(shelf)
    index.refresh(shelf)

    assert (waiting, index.tokens.has_any([0, 1])) == (False, True)
