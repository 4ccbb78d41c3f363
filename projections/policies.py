"""Recall policies: which named parts a memory's score is the sum of, and how many memories are wanted.

A policy is data and a pure function. Changing a weight or a part makes a new version, and old versions stay: why-not
must be able to ask them.

    heartline   words, neighbours, tokens, speakers, days, marks of an answer; fitted weights (`heartline.py`)
    hybrid      cosine + 0.4 * BM25 / its maximum, top `RAG_TOP_K`
    cosine      the original design: exact cosine, raised where the feeling is the query's, top 3
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

import numpy as np

from domain.errors import InvalidRequest
from domain.records import PolicyRecord
from projections.evidence import Evidence, Scores
from projections.heartline import heartline
from projections.heartline import versions as heartline_versions


class Policy(Protocol):
    """An additive score. A memory below `threshold` is not recalled; `top_k` are, at most."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def top_k(self) -> int: ...

    @property
    def threshold(self) -> float: ...

    def parts(self, evidence: Evidence) -> dict[str, Scores]:
        """The score's named parts, a value a place of the evidence's course; the score is their sum."""
        ...

    def recalling(self, top_k: int) -> Self:
        """The same policy, wanting so many memories."""
        ...

    def record(self) -> PolicyRecord:
        """The policy as an event keeps it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Cosine, words and feelings. A weight of 0 leaves its part out."""

    name: str
    version: int
    top_k: int
    bm25: float
    feeling: float
    threshold: float = 0.0

    def parts(self, evidence: Evidence) -> dict[str, Scores]:
        parts = {"cosine": evidence.cosine if self.bm25 else evidence.plain_cosine}
        if self.bm25:
            parts["bm25"] = evidence.words(0) * np.float32(self.bm25)
        if self.feeling:
            same, importance = evidence.feelings
            parts["feeling"] = np.where(same, parts["cosine"] * importance * np.float32(self.feeling), np.float32(0.0))
        return parts

    def recalling(self, top_k: int) -> "Blend":
        return replace(self, top_k=top_k)

    def record(self) -> PolicyRecord:
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


COSINE: Final = Blend(name="cosine", version=1, top_k=3, bm25=0.0, feeling=0.3)
HYBRID: Final = Blend(name="hybrid", version=1, top_k=10, bm25=0.4, feeling=0.0)
POLICIES: Final[Mapping[str, Callable[[], Policy]]] = {
    "cosine": lambda: COSINE,
    "heartline": heartline,
    "hybrid": lambda: HYBRID,
}


def policy_named(name: str, *, top_k: int | None = None) -> Policy:
    """The newest version of a policy, with another `top_k` if given. Raises InvalidRequest for an unknown name."""
    make = POLICIES.get(name)
    if make is None:
        known = ", ".join(sorted(POLICIES))
        raise InvalidRequest(f"There is no recall policy {name!r}; known are {known}.", param="policy")
    return make() if top_k is None else make().recalling(top_k)


def policy_recorded(record: PolicyRecord) -> Policy | None:
    """The policy that an event tells of, as it was then; None when that version is no longer there, or its parameters
    are others by now."""
    made = _of_version(record["name"], record["version"])
    top_k = record["parameters"].get("top_k")
    if made is None or not isinstance(top_k, int):
        return None
    policy = made.recalling(top_k)
    return policy if policy.record() == record else None


def _of_version(name: str, version: int) -> Policy | None:
    if name == "heartline":
        return heartline(version) if version in heartline_versions() else None
    policy = POLICIES[name]() if name in POLICIES else None
    return policy if policy is not None and policy.version == version else None
