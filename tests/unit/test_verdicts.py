"""What each verdict says, and what it says would have been needed."""

import pytest

from api.reasons.verdicts import Judged
from domain.records import Candidate, Json, Verdict


def judged(verdict: Verdict, *, cut: float | None = 0.75) -> Judged:
    """Rank 7 with a score of 0.25, behind one that was kept."""
    kept: Candidate = {"kind": "message", "version": 2, "score": 0.75, "parts": {}, "rank": 1, "verdict": "kept"}
    candidate: Candidate = {**kept, "version": 3, "score": 0.25, "rank": 7, "verdict": verdict}
    return Judged(
        candidate=candidate,
        recall={
            "policy": {"name": "test", "version": 1, "parameters": {}},
            "embedder": "none",
            "candidates": [kept, candidate] if cut is not None else [candidate],
            "rest": {},
            "threshold": 0.5,
            "cut": cut,
        },
        share={"allotted": 100, "used": 90},
    )


@pytest.mark.parametrize(
    ("verdict", "words", "needed"),
    [
        ("kept", "rank 7, score 0.2500", None),
        ("in_window", "not recalled once more", None),
        ("below_threshold", "0.2500 is below the threshold of 0.5000", {"score": 0.5, "more": 0.25}),
        ("below_cut", "kept were 1, the last of them with 0.7500", {"score": 0.75, "more": 0.5}),
        ("over_budget", "recall had 100 tokens, of which 90", {"tokens_left": 10}),
        ("duplicate", "says the same already", None),
        ("filtered", "filters left it out", None),
        ("vector_pending", "only its words could count, for a score of 0.2500", None),
    ],
)
def test_a_verdict_is_a_sentence_with_its_numbers(verdict: Verdict, words: str, needed: dict[str, Json] | None) -> None:
    told = judged(verdict)

    assert words in told.explained()
    assert told.needed() == needed


def test_where_nothing_was_kept_there_is_no_cut_to_reach() -> None:
    told = judged("below_cut", cut=None)

    assert "nothing was kept in this turn" in told.explained()
    assert told.needed() is None
