"""Recall: which of a session's memories matter for a query, and the numbers that say so.

    the path, as a value -> candidates (a mask over documents) -> signals -> parts of the score -> a ranking

What is off the path, in the live window, or another session's or owner's is no candidate: membership decides that,
never a score. Nothing here calls a model; the query's vector comes with it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.emotion import NEUTRAL
from domain.records import Candidate, RecallRecord, Verdict
from projections.policies import Policy, Scores, Signals
from projections.session_index import Document, SessionIndex
from projections.stemming import stems

OTHERS_RECORDED: Final = 64
"""Candidates not kept that an audit lists with their numbers; of the rest it has counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What memories are sought for: the text, its unit vector if there is one, and the feeling in it."""

    text: str
    vector: NDArray[np.float32] | None
    dominant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What may be recalled: `versions` are the memories in view, of which `shown` stand in the context already."""

    versions: Sequence[int]
    shown: frozenset[int] = frozenset()
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its place: rank 1 is the best."""

    rank: int
    document: Document
    score: float


@dataclass(slots=True, kw_only=True)
class Ranking:
    """The candidates of one query from best to worst, and what becomes of them as the context is built."""

    policy: Policy
    embedder: str
    documents: Sequence[Document]
    versions: NDArray[np.int64]
    order: NDArray[np.int64]
    scores: Scores
    parts: dict[str, Scores]
    in_window: int
    pending: NDArray[np.bool_]
    verdicts: dict[int, Verdict] = field(default_factory=dict[int, Verdict])

    def best(self, count: int) -> Iterator[Ranked]:
        """The first `count` candidates."""
        numbers: list[int] = self.order[:count].tolist()
        for place, number in enumerate(numbers):
            yield Ranked(place + 1, self.documents[number], float(self.scores[number]))

    def decide(self, rank: int, verdict: Verdict) -> None:
        """Note what became of the candidate of this rank."""
        self.verdicts[rank] = verdict

    def settle(self, shown: frozenset[int]) -> None:
        """Whatever was decided before, candidates of these versions stand in the window by now, whatever their rank."""
        places = np.flatnonzero(np.isin(self.versions[self.order], list(shown)))
        ranks: list[int] = (places + 1).tolist()
        self.verdicts.update(dict.fromkeys(ranks, "in_window"))

    def record(self) -> RecallRecord:
        """Every kept candidate and the best others with their numbers; of the rest, how many met which verdict."""
        listed = self._listed()
        kept = [candidate["score"] for candidate in listed if candidate["verdict"] == "kept"]
        return {
            "policy": self.policy.record(),
            "embedder": self.embedder,
            "candidates": listed,
            "rest": self._rest([candidate["rank"] for candidate in listed]),
            "threshold": self.policy.threshold,
            "cut": min(kept) if kept else None,
        }

    def _listed(self) -> list[Candidate]:
        kept = {rank for rank, verdict in self.verdicts.items() if verdict == "kept"}
        others = [rank for rank in range(1, min(len(self.order), OTHERS_RECORDED + len(kept)) + 1) if rank not in kept]
        ranks = sorted([*kept, *others[:OTHERS_RECORDED]])
        numbers: list[int] = self.order[np.array(ranks, dtype=np.int64) - 1].tolist()
        scores: list[float] = np.round(self.scores[numbers].astype(np.float64), 6).tolist()
        columns = [np.round(values[numbers].astype(np.float64), 6).tolist() for values in self.parts.values()]
        parts = [dict(zip(self.parts, row, strict=True)) for row in zip(*columns, strict=True)]
        return [self._candidate(*fields) for fields in zip(ranks, numbers, scores, parts, strict=True)]

    def _rest(self, listed: Sequence[int]) -> dict[str, int]:
        """How many of the unlisted met which verdict."""
        undecided = np.ones(len(self.order), dtype=np.bool_)
        undecided[np.array([*listed, *self.verdicts], dtype=np.int64) - 1] = False
        numbers = self.order[undecided]
        pending = self.pending[numbers]
        below = self.scores[numbers] < self.policy.threshold
        counts = Counter[str](self.verdicts[rank] for rank in self.verdicts.keys() - set(listed))
        counts["in_window"] += self.in_window
        counts["vector_pending"] += int(np.count_nonzero(pending))
        counts["below_threshold"] += int(np.count_nonzero(below & ~pending))
        counts["below_cut"] += int(np.count_nonzero(~below & ~pending))
        return dict(+counts)

    def _verdict(self, rank: int) -> Verdict:
        if rank in self.verdicts:
            return self.verdicts[rank]
        number = int(self.order[rank - 1])
        if self.pending[number]:
            return "vector_pending"
        return "below_threshold" if self.scores[number] < self.policy.threshold else "below_cut"

    def _candidate(self, rank: int, number: int, score: float, parts: dict[str, float]) -> Candidate:
        document = self.documents[number]
        candidate: Candidate = {
            "kind": document.kind,
            "version": document.version,
            "score": score,
            "parts": parts,
            "rank": rank,
            "verdict": self._verdict(rank),
        }
        if document.start is not None and document.end is not None:
            candidate["start"], candidate["end"] = document.start, document.end
        return candidate


def rank(index: SessionIndex, query: Query, view: View, policy: Policy) -> Ranking:
    """Score every memory in view that is not shown already."""
    in_view = index.mask(view.versions)
    shown = index.mask(view.shown)
    asked = in_view & ~shown
    # A policy that does not look at feelings need not have them looked up.
    dominant = query.dominant if policy.feeling else NEUTRAL
    signals = _signals(index, replace(query, dominant=dominant), view.at, in_view=in_view, asked=asked)
    parts = policy.parts(signals)
    scores = np.zeros(len(asked), dtype=np.float32)
    for values in parts.values():
        scores += values
    candidates = np.flatnonzero(asked)
    order = candidates[np.lexsort((-index.versions[candidates], -scores[candidates]))]
    return Ranking(
        policy=policy,
        embedder=index.embedder,
        documents=index.documents,
        versions=index.versions,
        order=order,
        scores=scores,
        parts=parts,
        in_window=int((in_view & shown).sum()),
        pending=~index.vectors.has_vector(len(asked)),
    )


def _signals(
    index: SessionIndex, query: Query, at: int | None, *, in_view: NDArray[np.bool_], asked: NDArray[np.bool_]
) -> Signals:
    """BM25's statistics are those of all that is in view; its scores, like the cosines, only of what is asked."""
    words = np.where(asked, index.words.scores(stems(query.text), in_view), np.float32(0.0))
    cosine = np.full(len(asked), np.nan, dtype=np.float32)
    if query.vector is not None:
        cosine = index.vectors.cosines(query.vector, asked, likely=words > 0)
    same_feeling, importance = np.zeros(len(asked), dtype=np.bool_), np.zeros(len(asked), dtype=np.float32)
    if query.dominant != NEUTRAL:
        same_feeling, importance = index.feelings.alike(index.versions, query.dominant, at)
    return Signals(cosine=cosine, bm25=words, same_feeling=same_feeling, importance=importance)
