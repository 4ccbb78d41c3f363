"""Cosines of a query to documents: exact where one can compare all, of the right ones where a graph must choose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from projections.vector_index import CANDIDATES, VectorIndex

DIMENSIONS = 16
MANY = 4 * CANDIDATES


def unit_vectors(count: int, *, seed: int = 0) -> NDArray[np.float16]:
    """Vectors that lie in clusters, as those of texts do."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(20, DIMENSIONS))
    vectors = centres[random.integers(0, len(centres), count)] + random.normal(size=(count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def a_query(*, seed: int = 1) -> NDArray[np.float32]:
    return unit_vectors(1, seed=seed)[0].astype(np.float32)


def index_of(vectors: NDArray[np.float16], *, exact_up_to: int = 10**6) -> VectorIndex:
    index = VectorIndex(DIMENSIONS, exact_up_to=exact_up_to)
    index.add(range(len(vectors)), vectors)
    return index


def mask(count: int, *numbers: int) -> NDArray[np.bool_]:
    found = np.zeros(count, dtype=np.bool_)
    found[list(numbers)] = True
    return found


def everything(count: int) -> NDArray[np.bool_]:
    return np.ones(count, dtype=np.bool_)


def nothing(count: int) -> NDArray[np.bool_]:
    return np.zeros(count, dtype=np.bool_)


def brute_force(vectors: NDArray[np.float16], query: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors.astype(np.float32) @ query


# -- exact -------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    documents=st.lists(st.integers(min_value=0, max_value=9), max_size=200),
    asked=st.lists(st.booleans(), min_size=10, max_size=10),
    seed=st.integers(min_value=0, max_value=99),
)
def test_each_document_asked_about_has_the_best_cosine_of_its_vectors(
    documents: list[int], asked: list[bool], seed: int
) -> None:
    vectors, query = unit_vectors(len(documents), seed=seed), a_query(seed=seed + 1)
    index = VectorIndex(DIMENSIONS)
    index.add(documents, vectors)

    cosines = index.cosines(query, np.array(asked), nothing(10))

    every = brute_force(vectors, query)
    for document in range(10):
        own = [every[row] for row, of in enumerate(documents) if of == document and asked[document]]
        assert cosines[document] == pytest.approx(max(own, default=np.nan), abs=1e-6, nan_ok=True)


def test_vectors_added_one_at_a_time_are_those_added_at_once() -> None:
    vectors, query = unit_vectors(300), a_query()
    one_by_one = VectorIndex(DIMENSIONS)
    for number in range(300):
        one_by_one.add([number], vectors[number : number + 1])

    assert len(one_by_one) == 300
    together = index_of(vectors).cosines(query, everything(300), nothing(300))
    assert one_by_one.cosines(query, everything(300), nothing(300)).tolist() == together.tolist()


@pytest.mark.parametrize("count", [1, 7, 100, 299])
def test_a_cosine_is_the_same_to_the_last_bit_whatever_else_is_known_or_asked(count: int) -> None:
    vectors, query = unit_vectors(300), a_query()

    before = index_of(vectors[:count]).cosines(query, everything(count), nothing(count))
    after = index_of(vectors).cosines(query, np.arange(300) < count, nothing(300))

    assert after[:count].tolist() == before.tolist()


def test_a_document_without_a_vector_has_no_cosine() -> None:
    index = VectorIndex(DIMENSIONS)
    index.add([1], unit_vectors(1))

    cosines = index.cosines(a_query(), everything(3), nothing(3))

    assert np.isnan(cosines).tolist() == [True, False, True]
    assert index.has_vector(3).tolist() == [False, True, False]


def test_an_empty_index_knows_no_cosine() -> None:
    index = VectorIndex(DIMENSIONS)

    assert np.isnan(index.cosines(a_query(), everything(2), everything(2))).all()
    assert not index.has_vector(2).any()


# -- above the exact limit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_graph_finds_nearly_all_of_the_best(seed: int) -> None:
    vectors, query = unit_vectors(MANY, seed=seed), a_query(seed=seed + 100)
    asked = np.random.default_rng(seed).random(MANY) < 0.6

    cosines = index_of(vectors, exact_up_to=100).cosines(query, asked, nothing(MANY))

    exact = np.where(asked, brute_force(vectors, query), -np.inf)
    best = np.argsort(-exact)[:50]
    assert np.count_nonzero(~np.isnan(cosines[best])) >= 48
    found = np.flatnonzero(~np.isnan(cosines))
    assert CANDIDATES <= len(found) < np.count_nonzero(asked)
    assert asked[found].all()
    assert cosines[found] == pytest.approx(exact[found], abs=1e-6)


def test_what_is_likely_is_compared_wherever_it_lies() -> None:
    vectors, query = unit_vectors(MANY), a_query()
    farthest = int(np.argmin(brute_force(vectors, query)))
    index = index_of(vectors, exact_up_to=100)

    without = index.cosines(query, everything(MANY), nothing(MANY))
    likely = index.cosines(query, everything(MANY), mask(MANY, farthest))
    not_asked = index.cosines(query, ~mask(MANY, farthest), mask(MANY, farthest))

    assert np.isnan(without[farthest])
    assert likely[farthest] == pytest.approx(brute_force(vectors, query)[farthest], abs=1e-6)
    assert np.isnan(not_asked[farthest])


def test_vectors_that_come_after_the_graph_was_built_are_found() -> None:
    vectors, query = unit_vectors(MANY), a_query()
    index = index_of(vectors, exact_up_to=100)
    index.cosines(query, everything(MANY), nothing(MANY))

    index.add([MANY], query[np.newaxis].astype(np.float16))

    cosines = index.cosines(query, everything(MANY + 1), nothing(MANY + 1))
    assert int(np.nanargmax(cosines)) == MANY


def test_as_many_as_can_be_compared_exactly_are_however_many_more_there_are() -> None:
    vectors, query = unit_vectors(MANY), a_query()
    few = mask(MANY, *range(0, MANY, 2))

    cosines = index_of(vectors, exact_up_to=MANY // 2).cosines(query, few, nothing(MANY))

    assert cosines[few] == pytest.approx(brute_force(vectors, query)[few], abs=1e-6)
    assert np.isnan(cosines[~few]).all()


def test_when_the_nearest_are_not_asked_about_the_graph_is_asked_for_more() -> None:
    vectors, query = unit_vectors(MANY), a_query()
    far = np.argsort(brute_force(vectors, query))[: CANDIDATES + 200]

    cosines = index_of(vectors, exact_up_to=100).cosines(query, mask(MANY, *far.tolist()), nothing(MANY))

    exact = brute_force(vectors, query)
    assert cosines[far] == pytest.approx(exact[far], abs=1e-6)


def test_a_graph_that_cannot_reach_all_equal_vectors_does_not_keep_one_waiting() -> None:
    same = np.repeat(unit_vectors(1), MANY, axis=0)
    vectors = np.concatenate([same, unit_vectors(MANY, seed=3)])
    rare = np.arange(2 * MANY) >= 2 * MANY - CANDIDATES + 100

    cosines = index_of(vectors, exact_up_to=100).cosines(same[0].astype(np.float32), rare, nothing(2 * MANY))

    assert np.flatnonzero(~np.isnan(cosines)).tolist() == np.flatnonzero(rare).tolist()
