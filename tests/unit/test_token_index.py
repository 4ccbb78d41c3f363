"""Late interaction: how well the tokens of a query find their like in a document."""

import numpy as np
import pytest

from projections.course import Course
from projections.token_index import TokenIndex
from projections.token_vectors import DIMENSIONS, TokenVectors


def tokens(*pieces: int) -> TokenVectors:
    """Piece n lies along dimension n; pieces 10 and up lie half way between the dimensions of their digits."""
    vectors = np.zeros((len(pieces), DIMENSIONS), np.int8)
    for row, piece in enumerate(pieces):
        for digit in str(piece):
            vectors[row, int(digit)] = 100
    return TokenVectors(np.array(pieces, dtype=np.uint16), vectors)


def course(*documents: int, known: int = 10) -> Course:
    return Course(np.array(documents, dtype=np.int64), said=np.zeros(len(documents)), known=known)


def index_of(*documents: TokenVectors) -> TokenIndex:
    index = TokenIndex()
    for number, document in enumerate(documents):
        index.add(number, document)
    return index


def test_a_document_with_every_token_of_the_query_is_found_whole() -> None:
    index = index_of(tokens(1, 2, 3), tokens(4, 5))

    assert index.interaction(tokens(2, 1), [0, 1], course(0, 1)).tolist() == pytest.approx([1.0, 0.0], abs=1e-6)


def test_each_token_of_the_query_seeks_its_best_match() -> None:
    index = index_of(tokens(12))

    (found,) = index.interaction(tokens(1), [0], course(0)).tolist()

    assert found == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_a_rare_token_weighs_more() -> None:
    index = index_of(tokens(1, 3), tokens(1), tokens(2), tokens(1))

    common, rare = index.interaction(tokens(1, 2), [1, 2], course(0, 1, 2, 3)).tolist()

    assert rare > 0.5 > common > 0


def test_how_rare_a_token_is_only_the_documents_in_view_say() -> None:
    before = index_of(tokens(1), tokens(2))
    after = index_of(tokens(1), tokens(2), tokens(2), tokens(2))

    assert after.interaction(tokens(1, 2), [0, 1], course(0, 1)).tolist() == (
        before.interaction(tokens(1, 2), [0, 1], course(0, 1)).tolist()
    )


def test_a_document_without_token_vectors_has_no_late_interaction() -> None:
    index = index_of(tokens(1))

    found = index.interaction(tokens(1), [3, 0], course(0, 3)).tolist()

    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1.0)
    assert np.isnan(TokenIndex().interaction(tokens(1), [0], course(0))).all()
    assert np.isnan(index.interaction(tokens(), [0], course(0))).all()


def test_token_vectors_are_taken_once() -> None:
    index = index_of(tokens(1))

    index.add(0, tokens(2, 2))
    index.add(1, tokens())

    assert not index.has_any([1])
    assert index.interaction(tokens(1), [0], course(0)).tolist() == pytest.approx([1.0])


def test_an_index_grows_with_what_is_added() -> None:
    index = index_of(*(tokens(*range(1, 10)) for _ in range(100)))

    assert index.interaction(tokens(4), [0, 99], course(*range(100), known=100)).tolist() == pytest.approx([1.0, 1.0])


def test_a_token_that_resembles_nothing_finds_nothing() -> None:
    nothing = TokenVectors(np.zeros(1, np.uint16), np.zeros((1, DIMENSIONS), np.int8))

    assert index_of(tokens(1)).interaction(nothing, [0], course(0)).tolist() == [0.0]
