"""Recall: which of a session's memories matter for a query, and the numbers that say so.

    the path, as a value -> its course -> candidates (a mask of places) -> evidence -> parts of the score -> a ranking

What is off the path, in the live window, or another session's or owner's is no candidate: membership decides that,
never a score. Nothing here calls a model; the query's vector comes with it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from domain.records import Candidate, RecallRecord, RerankRecord, Verdict
from projections.evidence import Evidence, Mask, Query, Scores, summed
from projections.policies import Policy
from projections.session_index import Document, SessionIndex

OTHERS_RECORDED: Final = 64
"""Candidates not kept that an audit lists with their numbers; of the rest it has counts."""


RERANK_WEIGHT: Final = np.float32(4.0)
"""A cross-encoder has seen query and memory together: its word counts about as much as all other parts."""


class _Reranked(TypedDict, total=False):
    rerank: RerankRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What may be recalled: the messages of the path in their order, and what lies `beside` it (carried memories,
    summaries, former instructions). Those `shown` stand in the context already."""

    path: Sequence[int]
    beside: Sequence[int] = ()
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
    """The candidates of one query from best to worst, and what becomes of them as the context is built.

    `order` are places of the course, as are the indices of all the arrays; `numbers` are their documents'.
    """

    policy: Policy
    embedder: str
    documents: Sequence[Document]
    numbers: NDArray[np.int64]
    versions: NDArray[np.int64]
    order: NDArray[np.int64]
    scores: Scores
    parts: dict[str, Scores]
    in_window: int
    pending: Mask
    verdicts: dict[int, Verdict] = field(default_factory=dict[int, Verdict])
    reranking: RerankRecord | None = None

    def best(self, count: int) -> Iterator[Ranked]:
        """The first `count` candidates."""
        places: list[int] = self.order[:count].tolist()
        for rank, place in enumerate(places, start=1):
            yield Ranked(rank, self._document(place), float(self.scores[place]))

    def rerank(self, relevance: Sequence[float]) -> None:
        """Add what a reranker thinks of the best candidates (0 to 1, one value each) to their scores, as a part."""
        best = self.order[: len(relevance)]
        part = np.zeros_like(self.scores)
        part[best] = np.array(relevance, dtype=np.float32) * RERANK_WEIGHT
        self.parts["rerank"] = part
        self.scores = self.scores + part
        self.order = np.concatenate([best[np.argsort(-self.scores[best], kind="stable")], self.order[len(best) :]])

    def decide(self, rank: int, verdict: Verdict) -> None:
        """Note what became of the candidate of this rank."""
        self.verdicts[rank] = verdict

    def settle(self, shown: frozenset[int]) -> None:
        """Whatever was decided before, candidates of these versions stand in the window by now, whatever their rank."""
        ranks: list[int] = (np.flatnonzero(np.isin(self.versions[self.order], list(shown))) + 1).tolist()
        self.verdicts.update(dict.fromkeys(ranks, "in_window"))

    def candidate(self, version: int) -> Candidate | None:
        """What became of the memory of this version, listed in the record or not: of an instruction's chunks the one
        that was kept, else the best. None when it is no candidate."""
        ranks: list[int] = (np.flatnonzero(self.versions[self.order] == version) + 1).tolist()
        if not ranks:
            return None
        rank = next((one for one in ranks if self.verdicts.get(one) == "kept"), ranks[0])
        (found,) = self._candidates([rank])
        return found

    def record(self) -> RecallRecord:
        """Every kept candidate and the best others with their numbers; of the rest, how many met which verdict."""
        listed = self._listed()
        kept = [candidate["score"] for candidate in listed if candidate["verdict"] == "kept"]
        reranked: _Reranked = {"rerank": self.reranking} if self.reranking is not None else {}
        return {
            **reranked,
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
        return self._candidates(sorted([*kept, *others[:OTHERS_RECORDED]]))

    def _candidates(self, ranks: Sequence[int]) -> list[Candidate]:
        places: list[int] = self.order[np.array(ranks, dtype=np.int64) - 1].tolist()
        scores: list[float] = np.round(self.scores[places].astype(np.float64), 6).tolist()
        parts = self._parts(places)
        return [self._candidate(*fields) for fields in zip(ranks, places, scores, parts, strict=True)]

    def _parts(self, places: Sequence[int]) -> list[dict[str, float]]:
        """What each part of the score was worth at these places, without the parts that were worth nothing at any."""
        told = {name: values[places] for name, values in self.parts.items() if values[places].any()}
        columns = [np.round(values.astype(np.float64), 6).tolist() for values in told.values()]
        return [dict(zip(told, row, strict=True)) for row in zip(*columns, strict=True)] or [{} for _ in places]

    def _rest(self, listed: Sequence[int]) -> dict[str, int]:
        """How many of the unlisted met which verdict."""
        undecided = np.ones(len(self.order), dtype=np.bool_)
        undecided[np.array([*listed, *self.verdicts], dtype=np.int64) - 1] = False
        places = self.order[undecided]
        pending = self.pending[places]
        below = self.scores[places] < self.policy.threshold
        counts = Counter[str](self.verdicts[rank] for rank in self.verdicts.keys() - set(listed))
        counts["in_window"] += self.in_window
        counts["vector_pending"] += int(np.count_nonzero(pending))
        counts["below_threshold"] += int(np.count_nonzero(below & ~pending))
        counts["below_cut"] += int(np.count_nonzero(~below & ~pending))
        return dict(+counts)

    def _verdict(self, rank: int) -> Verdict:
        if rank in self.verdicts:
            return self.verdicts[rank]
        place = int(self.order[rank - 1])
        if self.pending[place]:
            return "vector_pending"
        return "below_threshold" if self.scores[place] < self.policy.threshold else "below_cut"

    def _document(self, place: int) -> Document:
        return self.documents[int(self.numbers[place])]

    def _candidate(self, rank: int, place: int, score: float, parts: dict[str, float]) -> Candidate:
        document = self._document(place)
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
    """Score every memory in view that is not shown already; of equal ones the latest is first."""
    course = index.course(view.path, view.beside)
    shown = np.zeros(len(course), dtype=np.bool_)
    standing = course.places(index.numbers(sorted(view.shown)))
    shown[standing[standing >= 0]] = True
    evidence = Evidence(index, course, query, candidates=~shown, at=view.at)
    parts = policy.parts(evidence)
    scores = summed(parts, len(course))
    return Ranking(
        policy=policy,
        embedder=index.embedders.vectors,
        documents=index.documents,
        numbers=course.documents,
        versions=index.versions[course.documents],
        order=_best_first(scores, np.flatnonzero(~shown)),
        scores=scores,
        parts=parts,
        in_window=int(np.count_nonzero(shown)),
        pending=~index.vectors.has_vector(len(index.documents))[course.documents],
    )


def _best_first(scores: Scores, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places by falling score, of equal scores the last first: one sort of whole numbers, which is the fastest."""
    bits = (scores[places] + np.float32(0.0)).view(np.int32).astype(np.int64)  # + 0.0: there is no -0.0 then
    rising = np.where(bits >= 0, bits, np.int64(-(2**31)) - bits)
    keys = np.sort((rising << 32) | places)[::-1]
    return keys & np.int64(2**32 - 1)
