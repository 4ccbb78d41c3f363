"""What a memory's score is made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import InvalidRequest
from projections.policies import COSINE, HYBRID, Policy, Signals, policy_named


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def signals(
    cosine: list[float],
    *,
    bm25: list[float] | None = None,
    alike: list[bool] | None = None,
    importance: list[float] | None = None,
) -> Signals:
    zeros = [0.0] * len(cosine)
    return Signals(
        cosine=floats(*cosine),
        bm25=floats(*(bm25 or zeros)),
        same_feeling=np.array(alike or [False] * len(cosine)),
        importance=floats(*(importance or zeros)),
    )


@given(
    cosine=st.floats(min_value=-1, max_value=1, width=32),
    importance=st.floats(min_value=0, max_value=1, width=32),
)
def test_the_same_feeling_raises_the_similarity_by_up_to_three_tenths(cosine: float, importance: float) -> None:
    parts = COSINE.parts(signals([cosine, cosine], alike=[True, False], importance=[importance, importance]))

    alike, other = (parts["cosine"] + parts["feeling"]).tolist()
    assert alike == pytest.approx(cosine * (1 + importance * 0.3), abs=1e-6)
    assert other == cosine


def test_hybrid_adds_the_words_as_a_share_of_the_best() -> None:
    parts = HYBRID.parts(signals([0.5, 0.25, 0.0], bm25=[4.0, 2.0, 0.0]))

    assert parts.keys() == {"cosine", "bm25"}
    assert parts["cosine"].tolist() == [0.5, 0.25, 0.0]
    assert parts["bm25"].tolist() == pytest.approx([0.4, 0.2, 0.0])


def test_words_that_nobody_said_add_nothing() -> None:
    assert HYBRID.parts(signals([0.5, 0.25]))["bm25"].tolist() == [0.0, 0.0]
    assert HYBRID.parts(signals([]))["bm25"].tolist() == []


def test_a_memory_without_a_vector_is_worth_its_other_parts() -> None:
    parts = HYBRID.parts(signals([float("nan")], bm25=[3.0]))

    assert {name: values.tolist() for name, values in parts.items()} == {
        "cosine": [0.0],
        "bm25": pytest.approx([0.4]),
    }


@pytest.mark.parametrize("policy", [COSINE, HYBRID])
def test_every_part_is_of_single_precision(policy: Policy) -> None:
    parts = policy.parts(signals([0.5], bm25=[3.0], alike=[True], importance=[0.5]))

    assert {values.dtype for values in parts.values()} == {np.dtype(np.float32)}


def test_the_cosine_policy_looks_at_no_words_and_the_hybrid_one_at_no_feelings() -> None:
    both = signals([0.5], bm25=[3.0], alike=[True], importance=[1.0])

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
    assert HYBRID.top_k == 10


def test_an_unknown_policy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="known are cosine, hybrid") as refused:
        policy_named("astrology")
    assert refused.value.param == "policy"
