"""The policy `heartline`: the parts of `parts.py` with fitted weights, and late interaction on token vectors.

    score = parts without tokens -> the best of them get a late interaction -> + tokens + the best of its sitting

Weights lie in one file per version, with those to use where there are no token vectors. `benchmarks/fit_recall.py`
finds them. Documents that have no late interaction (not among the best, or no token vectors yet) get the one that their
cosine lets expect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, cast

import numpy as np
import orjson

from domain.records import JsonObject, PolicyRecord
from projections.course import Numbers
from projections.evidence import Evidence, Mask, Scores, summed
from projections.parts import PARTS
from projections.token_index import SCORED

NEWEST: Final = 1
_WEIGHTS: Final = Path(__file__).parent / "weights"

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What one fit found. `expected` is the late interaction to expect of a cosine: a constant and a slope."""

    with_tokens: Weights
    without_tokens: Weights
    expected: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartline:
    """The policy with the weights of one version. A part without a weight, or of weight 0, is left out."""

    fitted: Fitted
    version: int = NEWEST
    top_k: int = 10
    threshold: float = 0.0
    name: str = "heartline"

    def parts(self, evidence: Evidence) -> dict[str, Scores]:
        if not evidence.has_tokens:
            weights = self.fitted.without_tokens
            return self._weighed(evidence, weights) | _weighed_sitting(sitting_without_tokens(evidence), weights)
        weights = self.fitted.with_tokens
        parts = self._weighed(evidence, weights)
        tokens = late_interaction(evidence, summed(parts, len(evidence.course)), self.fitted.expected)
        sitting = evidence.course.best_of_sitting(tokens)
        return parts | {"tokens": tokens * np.float32(weights["tokens"])} | _weighed_sitting(sitting, weights)

    def _weighed(self, evidence: Evidence, weights: Weights) -> dict[str, Scores]:
        return {name: part(evidence) * np.float32(weights[name]) for name, part in PARTS.items() if weights.get(name)}

    def recalling(self, top_k: int) -> "Heartline":
        return replace(self, top_k=top_k)

    def without(self, *names: str) -> "Heartline":
        """The policy without some of its parts, as measurements ask for it."""
        fitted = self.fitted
        return replace(
            self,
            fitted=replace(
                fitted,
                with_tokens={name: weight for name, weight in fitted.with_tokens.items() if name not in names},
                without_tokens={name: weight for name, weight in fitted.without_tokens.items() if name not in names},
            ),
        )

    def record(self) -> PolicyRecord:
        return {
            "name": self.name,
            "version": self.version,
            "parameters": {
                "top_k": self.top_k,
                "threshold": self.threshold,
                "weights": cast("JsonObject", self.fitted.with_tokens),
                "weights_without_tokens": cast("JsonObject", self.fitted.without_tokens),
            },
        }


@lru_cache(maxsize=8)
def heartline(version: int = NEWEST) -> Heartline:
    """The policy of a version, its weights read from their file."""
    stored = orjson.loads((_WEIGHTS / f"heartline-{version}.json").read_bytes())
    constant, slope = stored["expected"]
    fitted = Fitted(
        with_tokens=stored["weights"], without_tokens=stored["weights_without_tokens"], expected=(constant, slope)
    )
    return Heartline(fitted=fitted, version=version)


def versions() -> list[int]:
    """The versions whose weights are kept."""
    return sorted(int(file.stem.removeprefix("heartline-")) for file in _WEIGHTS.glob("heartline-*.json"))


def late_interaction(evidence: Evidence, others: Scores, expected: tuple[float, float]) -> Scores:
    """Of the candidates that are best by the `others` of the score; what the cosine lets expect of the rest."""
    constant, slope = expected
    tokens = (constant + slope * evidence.cosine).astype(np.float32)
    places = _best(others + tokens, evidence.candidates)
    found = evidence.interaction(places)
    tokens[places] = np.where(np.isnan(found), tokens[places], found)
    return tokens


def _best(scores: Scores, candidates: Mask) -> Numbers:
    """The places of the best candidates, SCORED of them; where many are even at the end, the latest."""
    places = np.flatnonzero(candidates)
    if len(places) <= SCORED:
        return places
    among = scores[places]
    least = np.partition(among, len(among) - SCORED)[len(among) - SCORED]
    above, even = places[among > least], places[among == least]
    return np.concatenate([above, even[len(even) - (SCORED - len(above)) :]])


def sitting_without_tokens(evidence: Evidence) -> Scores:
    """The best of a message's sitting by its cosine and words: what was talked about there."""
    own = evidence.cosine + np.float32(0.4) * (PARTS["words"](evidence) + PARTS["words_near"](evidence))
    return evidence.course.best_of_sitting(own.astype(np.float32))


def _weighed_sitting(values: Scores, weights: Weights) -> dict[str, Scores]:
    weight = np.float32(weights.get("sitting", 0.0))
    return {"sitting": values * weight} if weight else {}
