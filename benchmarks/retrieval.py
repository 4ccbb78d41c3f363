"""How good a ranking is against the evidence: recall@k, hit@k, MRR and nDCG@10, averaged over questions. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from statistics import fmean
from typing import Final

NDCG_AT: Final = 10

FACTUAL: Final = frozenset(
    {
        "contradiction_resolution",
        "information_extraction",
        "knowledge_update",
        "multi_session_reasoning",
        "temporal_reasoning",
    }
)
"""The categories of the user-assistant chats that ask for facts; the others ask for lists, orders and instructions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The ranked ids of one question, best first, against the ids that hold the answer."""

    category: str
    ranked: Sequence[str]
    evidence: frozenset[str]

    def recall(self, k: int) -> float:
        """The share of the evidence that is among the first `k`."""
        return len(self.evidence.intersection(self.ranked[:k])) / len(self.evidence)

    def hit(self, k: int) -> float:
        """1 when anything of it is."""
        return float(not self.evidence.isdisjoint(self.ranked[:k]))

    def reciprocal_rank(self) -> float:
        """Of the first piece of evidence, 0 when none was ranked."""
        return next((1 / rank for rank, one in enumerate(self.ranked, start=1) if one in self.evidence), 0.0)

    def ndcg(self) -> float:
        """The discounted gain of the first ten, as a share of the best there could be."""
        gained = sum(
            1 / log2(rank + 1) for rank, one in enumerate(self.ranked[:NDCG_AT], start=1) if one in self.evidence
        )
        return gained / sum(1 / log2(rank + 1) for rank in range(1, min(len(self.evidence), NDCG_AT) + 1))


def scores(judged: Iterable[Judged], ks: Sequence[int]) -> dict[str, float]:
    """All measures as percentages, and the number of questions."""
    every = list(judged)
    measures = {
        **{f"recall@{k}": [one.recall(k) for one in every] for k in ks},
        **{f"hit@{k}": [one.hit(k) for one in every] for k in ks},
        "mrr": [one.reciprocal_rank() for one in every],
        f"ndcg@{NDCG_AT}": [one.ndcg() for one in every],
    }
    return {
        "questions": len(every),
        **{name: round(100 * fmean(values), 2) if values else 0.0 for name, values in measures.items()},
    }
