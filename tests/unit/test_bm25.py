"""BM25 as the formula says, with the statistics of the documents asked about and of no others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from projections.bm25 import K1, B, Bm25
from projections.course import PAUSE_SECONDS, Course

Document = Mapping[str, int]

STEMS = st.sampled_from(["tea", "rain", "river", "run", "anna", "sea"])
DOCUMENT = st.dictionaries(STEMS, st.integers(min_value=1, max_value=5))
ASKED = st.lists(st.tuples(DOCUMENT, st.booleans()), max_size=20)
QUERY = st.lists(STEMS, max_size=6)


def index_of(documents: Sequence[Document]) -> Bm25:
    index = Bm25()
    for document in documents:
        index.add(document)
    return index


def all_of(documents: Sequence[Document]) -> Course:
    return course(np.ones(len(documents), dtype=np.bool_))


def course(asked: NDArray[np.bool_], *, sittings: Sequence[int] = ()) -> Course:
    """These of the documents, in one sitting, unless their sittings are given by number."""
    documents = np.flatnonzero(asked)
    said = np.array(sittings, dtype=np.float64) * 10 * PAUSE_SECONDS if sittings else np.zeros(len(documents))
    return Course(documents, said=said, known=len(asked))


def reference(query: Sequence[str], documents: Sequence[Document]) -> list[float]:
    """The textbook's formula, word by word and document by document."""
    if not documents:
        return []
    mean = max(sum(sum(document.values()) for document in documents) / len(documents), 1.0)
    scores: list[float] = []
    for document in documents:
        norm = 1 - B + B * sum(document.values()) / mean
        score = 0.0
        for stem in set(query) & document.keys():
            having = sum(stem in other for other in documents)
            rarity = log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            score += rarity * document[stem] * (K1 + 1) / (document[stem] + K1 * norm)
        scores.append(score)
    return scores


def test_a_score_worked_out_by_hand() -> None:
    index = index_of([{"tea": 2, "rain": 1}, {"rain": 1}])

    scores = index.scores(["tea"], all_of([{}, {}]))

    # Rarity ln(1 + 1.5 / 1.5); length 3 at a mean of 2, so 2 * 1.9 / (2 + 0.9 * (0.6 + 0.4 * 1.5)).
    assert scores.tolist() == pytest.approx([0.6931472 * 3.8 / 3.08, 0.0])


@given(documents=ASKED, query=QUERY)
def test_scores_are_those_of_the_formula_over_the_documents_asked_about(
    documents: list[tuple[Document, bool]], query: list[str]
) -> None:
    asked = np.array([chosen for _, chosen in documents], dtype=np.bool_)

    scores = index_of([document for document, _ in documents]).scores(list(set(query)), course(asked))

    expected = reference(query, [document for document, chosen in documents if chosen])
    assert scores.tolist() == pytest.approx(expected, rel=1e-5)


@given(earlier=st.lists(DOCUMENT, max_size=12), later=st.lists(DOCUMENT, max_size=12), query=QUERY)
def test_scores_as_of_earlier_are_those_of_an_index_that_never_saw_the_later_documents(
    earlier: list[Document], later: list[Document], query: list[str]
) -> None:
    asked = np.arange(len(earlier) + len(later)) < len(earlier)

    now = index_of([*earlier, *later]).scores(query, course(asked))

    assert now.tolist() == index_of(earlier).scores(query, all_of(earlier)).tolist()


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    documents: list[Document] = [{"tea": 1}, {"rain": 1}, {"rain": 1}]

    tea, rain, _ = index_of(documents).scores(["tea", "rain"], all_of(documents)).tolist()

    assert tea > rain > 0


def test_a_word_in_a_long_document_weighs_less() -> None:
    documents: list[Document] = [{"tea": 1}, {"tea": 1, "sea": 9}]

    short, long = index_of(documents).scores(["tea"], all_of(documents)).tolist()

    assert short > long > 0


def test_documents_may_be_added_after_a_question() -> None:
    index = index_of([{"tea": 1}])
    index.scores(["tea"], all_of([{}]))

    index.add({"tea": 1})

    first, second = index.scores(["tea"], all_of([{}, {}])).tolist()
    assert first == second > 0


def test_documents_without_words_score_nothing() -> None:
    assert index_of([{}, {}]).scores(["tea"], all_of([{}, {}])).tolist() == [0.0, 0.0]
    assert index_of([]).scores(["tea"], all_of([])).tolist() == []


def test_with_a_reach_the_neighbours_words_are_the_documents_own() -> None:
    index = index_of([{"tea": 1}, {"rain": 1}, {"sea": 1}, {"river": 1}])
    every = course(np.ones(4, dtype=np.bool_))

    assert (index.scores(["tea"], every, reach=1) > 0).tolist() == [True, True, False, False]
    assert (index.scores(["tea"], every, reach=3) > 0).tolist() == [True, True, True, True]


def test_what_was_said_in_another_sitting_is_no_neighbour() -> None:
    index = index_of([{"tea": 1}, {"rain": 1}, {"sea": 1}])

    scores = index.scores(["rain"], course(np.ones(3, dtype=np.bool_), sittings=[0, 1, 1]), reach=1)

    assert (scores > 0).tolist() == [False, True, True]


def test_of_a_long_neighbour_only_the_beginning_counts() -> None:
    index = Bm25()
    index.add({"tea": 1, "rain": 3}, {"tea": 1})
    index.add({"sea": 1})
    every = all_of([{}, {}])

    assert index.scores(["rain"], every).tolist()[0] > 0
    assert index.scores(["rain"], every, reach=1).tolist() == [0.0, 0.0]
    assert (index.scores(["tea"], every, reach=1) > 0).tolist() == [True, True]


@given(documents=st.lists(DOCUMENT, min_size=1, max_size=12), query=QUERY, reach=st.sampled_from([1, 3]))
def test_with_a_reach_scores_are_those_of_the_documents_joined(
    documents: list[Document], query: list[str], reach: int
) -> None:
    joined = [
        sum((Counter(one) for one in documents[max(0, place - reach) : place + reach + 1]), Counter[str]())
        for place in range(len(documents))
    ]

    scores = index_of(documents).scores(list(set(query)), all_of(documents), reach=reach)

    assert scores.tolist() == pytest.approx(reference(query, joined), rel=1e-4)
