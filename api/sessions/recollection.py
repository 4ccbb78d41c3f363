"""Recall asked for by itself: what of all that is in view matters for a question, with the numbers that say so.

    question -> vector and feeling -> ranking over the path as of a version -> filters -> the best k with their texts

Stores nothing and calls no language model.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from api.chat.perception import Perception
from api.services import RecallQuestion
from api.sessions.audit import candidate_json
from api.sessions.filters import Filters, Memory
from api.sessions.reader import Asked, Reader
from domain.records import Json, JsonObject
from projections.indexes import Indexes
from projections.policies import Policy
from projections.recall import Query, Ranked, Ranking, View, rank
from projections.remembered import Remembered, Told

BLOCK: Final = 256
"""Candidates whose sources are looked up at once while filters are applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """Answers questions of recall by the policy that turns use."""

    reader: Reader
    remembered: Remembered
    indexes: Indexes
    perception: Perception
    policy: Policy

    async def recall(self, owner: str, session: str, question: RecallQuestion) -> JsonObject:
        """The best `k` memories, best first, and how many candidates met which verdict.

        Raises InvalidRequest for a filter that there is not, or a wrong value of one.
        """
        filters = Filters.read(question.filters)
        names = await self.reader.fresh(lambda: self._names(owner, session, question.at))
        perceived = await self.perception.perceive_query(0, question.query, names)
        query = Query(text=question.query, vector=perceived.query_vector, dominant=perceived.emotion.dominant)

        def read() -> JsonObject:
            asked = self.reader.find(owner, session, question.at)
            return self._answer(asked, query, filters, question.k)

        return await self.reader.fresh(read)

    def _names(self, owner: str, session: str, at: int | None) -> list[str]:
        asked = self.reader.find(owner, session, at)
        return self.remembered.models.lexicon.speakers(asked.id, asked.at)

    def _answer(self, asked: Asked, query: Query, filters: Filters, k: int) -> JsonObject:
        path = self.remembered.models.conversation.path(asked.id, asked.at)
        beside = self.remembered.beside_path(asked.id, path, (), asked.at)
        with self.indexes.fresh(asked.id) as index:
            ranking = rank(index, query, View(versions=[*path, *beside], at=asked.at), self.policy)
        told = self._choose(asked, ranking, filters, k)
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
            "embedder": record["embedder"],
            "verdicts": dict(verdicts),
        }

    def _choose(self, asked: Asked, ranking: Ranking, filters: Filters, k: int) -> dict[int, Told]:
        """Decide about the candidates from the best on until `k` are kept; the sources of these."""
        kept: dict[int, Told] = {}
        count = 0
        for block in _blocks(list(ranking.best(len(ranking.order))), BLOCK if filters.any else k):
            fitting = self._fitting(asked, block, filters)
            for ranked in block:
                if count == k or ranked.score < self.policy.threshold:
                    return kept
                source = fitting.get(ranked.document.version)
                ranking.decide(ranked.rank, "kept" if source is not None else "filtered")
                if source is not None:
                    kept[ranked.document.version] = source
                    count += 1
        return kept

    def _fitting(self, asked: Asked, block: Sequence[Ranked], filters: Filters) -> dict[int, Told]:
        """The sources of the candidates that pass the filters."""
        kinds = {one.document.version: one.document.kind for one in block if filters.allow("kind", one.document.kind)}
        told = self.remembered.told(asked.id, [one.document for one in block if one.document.version in kinds])
        if not filters.any:
            return told
        models = self.remembered.models
        roles = {version: one.role for version, one in models.conversation.find(asked.id, told).items()}
        roles |= {memory.version: memory.role for memory in models.memories.carried(asked.id, asked.at)}
        feelings = models.emotions.of_messages(asked.id, told, asked.at)

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


def _blocks(ranked: Sequence[Ranked], size: int) -> list[Sequence[Ranked]]:
    return [ranked[start : start + size] for start in range(0, len(ranked), size)]


def _texts(told: dict[int, Told]) -> dict[int, str]:
    return {version: source.text for version, source in told.items()}


def _source(told: Told) -> dict[str, Json]:
    return {"speaker": told.speaker, "said_at": told.said_at or None}
