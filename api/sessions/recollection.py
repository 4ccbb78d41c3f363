"""Recall asked for by itself: what of all that is in view matters for a question, with the numbers that say so.

    question -> vector and feeling -> ranking over the path as of a version -> filters -> the best k with their texts

Stores nothing and calls no language model.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from api.chat.perception import Perception
from api.chat.seeking import Seeking, Sought
from api.filters import Filters
from api.services import RecallQuestion
from api.sessions.audit import candidate_json
from api.sessions.reader import Asked, Reader
from domain.records import Json, JsonObject
from projections.evidence import Query
from projections.policies import policy_named
from projections.recall import Ranking, View
from projections.remembered import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """Answers questions of recall by the policy that turns use, or another."""

    reader: Reader
    seeking: Seeking
    perception: Perception
    clock: Callable[[], datetime]

    async def recall(self, owner: str, session: str, question: RecallQuestion) -> JsonObject:
        """The best `k` memories, best first, and how many candidates met which verdict.

        Raises InvalidRequest for a filter or a policy that there is not, or a wrong value of a filter.
        """
        if question.policy is not None:
            return await self._by(question.policy).recall(owner, session, replace(question, policy=None))
        filters = Filters.read(question.filters)
        asked = await self.pinned(owner, session, question.at)
        query = await self.query(asked, question.query)
        return await asyncio.to_thread(self._answer, asked, query, filters, question.k)

    def _by(self, policy: str) -> "Recollection":
        return replace(self, seeking=replace(self.seeking, policy=policy_named(policy)))

    async def pinned(self, owner: str, session: str, at: int | None = None) -> Asked:
        """The session as of a version, of the last one where none is asked about: what is written from then on is not
        in it, however long it takes to answer. Raises NotFound and InvalidRequest as `Reader.ask` does."""
        asked = await self.reader.fresh(lambda: self.reader.find(owner, session, at))
        return replace(asked, at=asked.version)

    async def query(self, asked: Asked, text: str) -> Query:
        """The question as memories are sought with it today."""
        names = await asyncio.to_thread(self.seeking.remembered.models.lexicon.speakers, asked.id, asked.at)
        perceived = await self.perception.perceive_query(0, text, names)
        return perceived.as_query(self.clock().toordinal())

    def ranked(self, asked: Asked, query: Query, filters: Filters, k: int) -> tuple[Ranking, dict[int, Told]]:
        """All that is in view as of the version asked about, ranked, the best `k` kept; and the sources of these.
        Blocks."""
        path = self.seeking.remembered.models.conversation.path(asked.id, asked.at)
        beside = self.seeking.remembered.beside_path(asked.id, path, (), asked.at)
        ranking = self.seeking.seek(asked.id, query, View(path=path, beside=beside, at=asked.at))
        return ranking, self._choose(Sought(session=asked.id, filters=filters, at=asked.at), ranking, k)

    def _answer(self, asked: Asked, query: Query, filters: Filters, k: int) -> JsonObject:
        ranking, told = self.ranked(asked, query, filters, k)
        record = ranking.record()
        verdicts = Counter(one["verdict"] for one in record["candidates"]) + Counter(record["rest"])
        return {
            "object": "list",
            "data": [
                {**candidate_json(one, _texts(told)), **_source(told[one["version"]])}
                for one in record["candidates"]
                if one["verdict"] == "kept"
            ],
            "has_more": False,
            "at": asked.version,
            "policy": cast("JsonObject", record["policy"]),
            **({"rerank": cast("JsonObject", record["rerank"])} if "rerank" in record else {}),
            "embedder": record["embedder"],
            "verdicts": dict(verdicts),
        }

    def _choose(self, sought: Sought, ranking: Ranking, k: int) -> dict[int, Told]:
        """Decide about the candidates from the best on until `k` are kept; the sources of these."""
        kept: dict[int, Told] = {}
        count = 0
        for ranked, source in self.seeking.sources(sought, ranking, len(ranking.order)):
            if count == k or ranked.score < self.seeking.policy.threshold:
                break
            ranking.decide(ranked.rank, "kept" if source is not None else "filtered")
            if source is not None:
                kept[ranked.document.version] = source
                count += 1
        return kept


def _texts(told: dict[int, Told]) -> dict[int, str]:
    return {version: source.text for version, source in told.items()}


def _source(told: Told) -> dict[str, Json]:
    return {"speaker": told.speaker, "said_at": told.said_at or None}
