"""Recall policies: which named parts a memory's score is the sum of, and how many memories are wanted.

A policy is data and a pure function. Changing a weight or a part makes a new version, and old versions stay: why-not
must be able to ask them.

    cosine   the original design: exact cosine, raised where the feeling is the query's, top 3
    hybrid   cosine + 0.4 * BM25 / its maximum, top `RAG_TOP_K`
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidRequest
from domain.records import PolicyRecord

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of every candidate document, as arrays of one length. `cosine` is NaN where none was computed."""

    cosine: Scores
    bm25: Scores
    same_feeling: NDArray[np.bool_]
    importance: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An additive score. A weight of 0 leaves its part out; a memory below `threshold` is not recalled."""

    name: str
    version: int
    top_k: int
    bm25: float
    feeling: float
    threshold: float = 0.0

    def parts(self, signals: Signals) -> dict[str, Scores]:
        """The score's named parts; the score is their sum. A document without a vector has a cosine part of 0."""
        cosine = np.nan_to_num(signals.cosine, nan=0.0)
        parts = {"cosine": cosine}
        if self.bm25:
            highest = float(signals.bm25.max(initial=0.0))
            parts["bm25"] = signals.bm25 * np.float32(self.bm25 / highest if highest else 0.0)
        if self.feeling:
            parts["feeling"] = np.where(signals.same_feeling, cosine * signals.importance * self.feeling, 0.0).astype(
                np.float32
            )
        return parts

    def record(self) -> PolicyRecord:
        """The policy as an event keeps it."""
        return {
            "name": self.name,
            "version": self.version,
            "parameters": {
                "top_k": self.top_k,
                "bm25": self.bm25,
                "feeling": self.feeling,
                "threshold": self.threshold,
            },
        }


COSINE: Final = Policy(name="cosine", version=1, top_k=3, bm25=0.0, feeling=0.3)
HYBRID: Final = Policy(name="hybrid", version=1, top_k=10, bm25=0.4, feeling=0.0)
POLICIES: Final = {policy.name: policy for policy in (COSINE, HYBRID)}


def policy_named(name: str, *, top_k: int | None = None) -> Policy:
    """The newest version of a policy, with another `top_k` if given. Raises InvalidRequest for an unknown name."""
    policy = POLICIES.get(name)
    if policy is None:
        known = ", ".join(sorted(POLICIES))
        raise InvalidRequest(f"There is no recall policy {name!r}; known are {known}.", param="policy")
    return policy if top_k is None else replace(policy, top_k=top_k)
