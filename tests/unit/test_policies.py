"""What a memory's score is made of under the older policies, and how a policy is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.records import PolicyRecord
from projections.evidence import Evidence, Query
from projections.policies import COSINE, HYBRID, Blend, policy_named, policy_recorded
from tests.shelf import Shelf


def evidence(shelf: Shelf, text: str = "", *, dominant: str = "neutral") -> Evidence:
    """For a query along the first dimension, whose text as it stands is along the second."""
    index = shelf.index()
    course = index.course([document.version for document in shelf.documents])
    query = Query(
        text=text,
        dominant=dominant,
        vector=np.array([1, 0], dtype=np.float32),
        plain=np.array([0, 1], dtype=np.float32) if text == "plain" else None,
    )
    return Evidence(index, course, query, candidates=np.ones(len(course), dtype=np.bool_), at=None)


@given(cosine=st.floats(min_value=-1, max_value=1, width=16), importance=st.floats(min_value=0, max_value=1, width=32))
def test_the_same_feeling_raises_the_similarity_by_up_to_three_tenths(cosine: float, importance: float) -> None:
    shelf = Shelf().put(1, cosine=cosine).put(2, cosine=cosine).feel(1, "joy", importance=importance)

    parts = COSINE.parts(evidence(shelf, dominant="joy"))

    alike, other = (parts["cosine"] + parts["feeling"]).tolist()
    assert alike == pytest.approx(cosine * (1 + importance * 0.3), abs=1e-6)
    assert other == cosine


def test_hybrid_adds_the_words_as_a_share_of_the_best() -> None:
    parts = HYBRID.parts(evidence(Shelf().put(1, "tea", 0.5).put(2, "tea and rain", 0.25).put(3, "", 0.0), "tea"))

    assert parts.keys() == {"cosine", "bm25"}
    assert parts["cosine"].tolist() == [0.5, 0.25, 0.0]
    first, second, third = parts["bm25"].tolist()
    assert first == pytest.approx(0.4)
    assert 0.4 > second > third == 0.0


def test_the_cosine_policy_compares_the_text_as_it_stands() -> None:
    found = evidence(Shelf().put(1, cosine=0.0).put(2, cosine=1.0), "plain")

    assert COSINE.parts(found)["cosine"].tolist() == [1.0, 0.0]
    assert HYBRID.parts(found)["cosine"].tolist() == [0.0, 1.0]


def test_words_that_nobody_said_add_nothing() -> None:
    assert HYBRID.parts(evidence(Shelf().put(1, cosine=0.5).put(2, cosine=0.25), "tea"))["bm25"].tolist() == [0.0, 0.0]
    assert HYBRID.parts(evidence(Shelf(), "tea"))["bm25"].tolist() == []


def test_a_memory_without_a_vector_is_worth_its_other_parts() -> None:
    parts = HYBRID.parts(evidence(Shelf().put(1, "tea"), "tea"))

    assert {name: values.tolist() for name, values in parts.items()} == {
        "cosine": [0.0],
        "bm25": pytest.approx([0.4]),
    }


@pytest.mark.parametrize("policy", [COSINE, HYBRID])
def test_every_part_is_of_single_precision(policy: Blend) -> None:
    parts = policy.parts(evidence(Shelf().put(1, "tea", 0.5).feel(1, "joy"), "tea", dominant="joy"))

    assert {values.dtype for values in parts.values()} == {np.dtype(np.float32)}


def test_the_cosine_policy_looks_at_no_words_and_the_hybrid_one_at_no_feelings() -> None:
    both = evidence(Shelf().put(1, "tea", 0.5).feel(1, "joy"), "tea", dominant="joy")

    assert COSINE.parts(both).keys() == {"cosine", "feeling"}
    assert HYBRID.parts(both).keys() == {"cosine", "bm25"}


def test_a_policy_is_recorded_with_all_its_parameters() -> None:
    assert COSINE.record() == {
        "name": "cosine",
        "version": 1,
        "parameters": {"top_k": 3, "bm25": 0.0, "feeling": 0.3, "threshold": 0.0},
    }


def test_a_policy_is_found_by_name_with_as_many_memories_as_wanted() -> None:
    assert policy_named("cosine") is COSINE
    assert policy_named("hybrid", top_k=4).record()["parameters"]["top_k"] == 4
    assert (policy_named("heartline", top_k=4).name, policy_named("heartline", top_k=4).top_k) == ("heartline", 4)
    assert HYBRID.top_k == 10


def test_an_unknown_policy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="known are cosine, heartline, hybrid") as refused:
        policy_named("astrology")
    assert refused.value.param == "policy"


@pytest.mark.parametrize("name", ["cosine", "heartline", "hybrid"])
def test_a_recorded_policy_is_found_again_with_the_number_it_had(name: str) -> None:
    policy = policy_named(name, top_k=7)

    assert policy_recorded(policy.record()) == policy


def test_a_policy_that_is_no_longer_there_or_has_other_weights_by_now_is_not_taken_for_another() -> None:
    record = HYBRID.record()
    changed: list[PolicyRecord] = [
        {**record, "name": "magic"},
        {**record, "version": 2},
        {**record, "name": "heartline", "version": 999},
        {**record, "parameters": {**record["parameters"], "bm25": 0.5}},
        {**record, "parameters": {}},
    ]

    assert [policy_recorded(one) for one in changed] == [None] * 5
