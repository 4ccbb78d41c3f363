"""Memories sought and looked up: the ranking of all that is in view, reranked where wanted, and its sources, filtered.

    query -> ranking -> reranking of the best, within its deadline -> sources that pass the filters, best first

Reads views and computes. All of it blocks: call it off the event loop.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

from api.chat.stopwatch import elapsed_ms
from api.filters import Filters, Memory
from api.ports import Reranker
from domain.records import RecallRecord
from projections.evidence import Query
from projections.indexes import Indexes
from projections.policies import Policy
from projections.recall import Ranked, Ranking, View, rank
from projections.remembered import Remembered, Told

CONSIDERED: Final = 64
"""Candidates looked at for the places that recall has; with filters, as many as it takes."""

RERANKED: Final = 32
"""Candidates, the best, that a reranker is shown."""

BLOCK: Final = 256
"""Candidates whose sources are looked up at once while filters are applied."""


Sourced = tuple[Ranked, Told | None]
"""A candidate, and what it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Where memories are sought, as of which version (None: now), and which of them are wanted."""

    session: UUID
    filters: Filters
    at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeking:
    """Seeks by one policy, and with a reranker if there is one."""

    remembered: Remembered
    indexes: Indexes
    policy: Policy
    reranker: Reranker | None = None

    def seek(self, session: UUID, query: Query, view: View) -> Ranking:
        """Everything in view that is not shown, from best to worst."""
        with self.indexes.fresh(session) as index:
            ranking = rank(index, query, view, self.policy)
        if self.reranker is not None:
            self._rerank(session, query, ranking, self.reranker)
        return ranking

    def _rerank(self, session: UUID, query: Query, ranking: Ranking, reranker: Reranker) -> None:
        started = time.perf_counter()
        best = list(ranking.best(RERANKED))
        told = self.remembered.told(session, [one.document for one in best])
        texts = [_text(one, told.get(one.document.version)) for one in best]
        if not texts:
            return
        judged = reranker.judge(query.text, texts)
        outcome = judged if isinstance(judged, str) else "used"
        if not isinstance(judged, str):
            ranking.rerank(judged)
        ranking.reranking = {
            "model": reranker.name,
            "outcome": outcome,
            "considered": len(texts),
            "ms": elapsed_ms(started),
        }

    def sources(self, sought: Sought, ranking: Ranking, count: int) -> Iterator[Sourced]:
        """The best `count` candidates (with filters: all of them) with what they come from, read a few at a time:
        mostly the first few are enough. None is the source of what was forgotten since, or does not pass the filters.
        """
        best = ranking.best(len(ranking.order) if sought.filters.any else count)
        step = BLOCK if sought.filters.any else self.policy.top_k + 4
        while block := list(islice(best, step)):
            told = self._fitting(sought, block)
            yield from ((ranked, told.get(ranked.document.version)) for ranked in block)

    def record(self, ranking: Ranking, filters: Filters) -> RecallRecord:
        """What recall did, with the filters that were asked for."""
        return {**ranking.record(), "filters": filters.record()} if filters.any else ranking.record()

    def _fitting(self, sought: Sought, block: Sequence[Ranked]) -> dict[int, Told]:
        """The sources of the candidates that pass the filters."""
        filters = sought.filters
        kinds = {one.document.version: one.document.kind for one in block if filters.allow("kind", one.document.kind)}
        session, at = sought.session, sought.at
        told = self.remembered.told(session, [one.document for one in block if one.document.version in kinds])
        if not filters.any:
            return told
        models = self.remembered.models
        roles = {version: one.role for version, one in models.conversation.find(session, told).items()}
        roles |= {memory.version: memory.role for memory in models.memories.carried(session, at)}
        feelings = models.emotions.of_messages(session, told, at)

        def memory(version: int) -> Memory:
            feeling = feelings.get(version)
            return Memory(
                kind=kinds[version],
                role=roles.get(version, "system"),
                speaker=told[version].speaker,
                said_at=told[version].said_at,
                emotion=feeling.dominant if feeling is not None else None,
            )

        return {version: source for version, source in told.items() if filters.pass_(memory(version))}


def _text(ranked: Ranked, source: Told | None) -> str:
    """What a reranker reads of a candidate."""
    document = ranked.document
    return f"{source.speaker}: {source.text[document.start : document.end]}" if source is not None else ""
