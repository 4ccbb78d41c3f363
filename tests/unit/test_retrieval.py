"""How good a ranking is, worked out by hand."""

from math import log2

import pytest

from benchmarks.retrieval import Judged, scores


def judged(ranked: str, evidence: str) -> Judged:
    return Judged(category="facts", ranked=list(ranked), evidence=frozenset(evidence))


def test_recall_is_the_share_of_the_evidence_found() -> None:
    one = judged("axbyc", "abc")

    assert [one.recall(k) for k in (1, 3, 5)] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [one.hit(k) for k in (1, 3, 5)] == [1, 1, 1]


def test_the_first_piece_of_evidence_counts_by_its_rank() -> None:
    assert judged("xya", "a").reciprocal_rank() == pytest.approx(1 / 3)
    assert judged("xyz", "a").reciprocal_rank() == 0
    assert judged("xyz", "a").hit(3) == 0


def test_gain_is_discounted_by_rank_and_is_whole_when_all_stands_first() -> None:
    assert judged("abx", "ab").ndcg() == pytest.approx(1)
    assert judged("xab", "ab").ndcg() == pytest.approx((1 / log2(3) + 1 / log2(4)) / (1 + 1 / log2(3)))


def test_scores_are_averages_in_percent() -> None:
    found = scores([judged("ab", "a"), judged("ab", "b"), judged("ab", "c"), judged("ab", "ab")], [1, 2])

    assert found == {
        "questions": 4,
        "recall@1": 37.5,
        "recall@2": 75.0,
        "hit@1": 50.0,
        "hit@2": 75.0,
        "mrr": 62.5,
        "ndcg@10": pytest.approx(65.77, abs=0.01),
    }


def test_of_no_question_everything_is_nothing() -> None:
    assert scores([], [3]) == {"questions": 0, "recall@3": 0.0, "hit@3": 0.0, "mrr": 0.0, "ndcg@10": 0.0}
