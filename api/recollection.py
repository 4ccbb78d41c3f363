"""Recall asked for by itself: what of all that is in view matters for a question, with the numbers that say so.

    question -> vector and feeling -> ranking over the path as of a version -> filters -> the best k with their texts

Stores nothing and calls no language model.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from api.audit import candidate_json
from api.filters import Filters, Memory
from api.perception import Perception
from api.reader import Asked, Reader
from api.services import RecallQuestion
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
        await self.reader.fresh(lambda: self.reader.find(owner, session, question.at))
        (perceived,) = await self.perception.perceive({0: question.query})
        query = Query(text=question.query, vector=perceived.query_vector, dominant=perceived.emotion.dominant)

        def read() -> JsonObject:
            asked = self.reader.find(owner, session, question.at)
            return self._answer(asked, query, filters, question.k)

        return await self.reader.fresh(read)

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
            told = self.remembered.told(asked.id, [ranked.document for ranked in block])
            passes = self._sieve(asked, block, told, filters)
            for ranked in block:
                if count == k or ranked.score < self.policy.threshold:
                    return kept
                version = ranked.document.version
                chosen = version in told and passes(ranked)
                ranking.decide(ranked.rank, "kept" if chosen else "filtered")
                if chosen:
                    kept[version] = told[version]
                    count += 1
        return kept

    def _sieve(
        self, asked: Asked, block: Sequence[Ranked], told: Mapping[int, Told], filters: Filters
    ) -> Callable[[Ranked], bool]:
        """What the filters say of the candidates of a block."""
        if not filters.any:
            return lambda _: True
        models = self.remembered.models
        versions = [ranked.document.version for ranked in block]
        roles = {version: one.role for version, one in models.conversation.find(asked.id, versions).items()}
        roles |= {memory.version: memory.role for memory in models.memories.carried(asked.id, asked.at)}
        feelings = models.emotions.of_messages(asked.id, versions, asked.at)

        def passes(ranked: Ranked) -> bool:
            version = ranked.document.version
            feeling = feelings.get(version)
            source = told[version]
            return filters.pass_(
                Memory(
                    kind=ranked.document.kind,
                    role=roles.get(version, "system"),
                    speaker=source.speaker,
                    said_at=source.said_at,
                    emotion=feeling.dominant if feeling is not None else None,
                )
            )

        return passes


def _blocks(ranked: Sequence[Ranked], size: int) -> list[Sequence[Ranked]]:
    return [ranked[start : start + size] for start in range(0, len(ranked), size)]


def _texts(told: dict[int, Told]) -> dict[int, str]:
    return {version: source.text for version, source in told.items()}


def _source(told: Told) -> dict[str, Json]:
    return {"speaker": told.speaker, "said_at": told.said_at or None}
