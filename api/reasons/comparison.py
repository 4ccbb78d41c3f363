"""Two ways to recall over all the turns of a session, and over questions whose answers are known: two policies, or the
vectors of two embedders. No language model is called.

Each turn's context is built again as of then by both; each question is asked of the session as it is now. Where texts
lack a vector of one of the embedders, all ends before the first of them: nothing is compared by half.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast
from uuid import UUID

from api.filters import Filters
from api.reasons.past import Past, PastTurn
from api.reasons.what_if import kept, used
from api.services import KnownAnswer
from api.sessions.reader import Asked, Reader
from api.sessions.recollection import Recollection
from domain.errors import Conflict, ContextTooLong
from domain.records import Json, JsonObject
from projections.audits import Turn
from projections.evidence import Query
from projections.policies import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two ways: contexts built and questions answered by this policy and one embedder's vectors."""

    past: Past
    recollection: Recollection
    policy: Policy

    def recalled(self, asked: Asked, query: Query) -> set[int]:
        """What the policy recalls of the session."""
        seeking = replace(self.recollection.seeking, policy=self.policy)
        _, told = replace(self.recollection, seeking=seeking).ranked(asked, query, Filters(), self.policy.top_k)
        return set(told)

    def lacking(self, session: UUID) -> set[int]:
        """The texts in the session's reach that have no vector of the embedder, or no token vectors, where kept."""
        vectors = self.past.reader.models.vectors
        return {version for name in self.past.embedders.names for version in vectors.lacking(session, name)}


Pair = tuple[Side, Side]

Progress = Callable[[int, int], None]
"""Told how many turns of how many are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Compares two ways on a session. Both read the same views."""

    reader: Reader
    sides: Pair

    async def answer(
        self, owner: str, session: str, questions: Sequence[KnownAnswer], progress: Progress = lambda done, total: None
    ) -> JsonObject:
        """Per turn and in all: whether the context changed, tokens, overlap of the kept memories (1.0 where neither
        kept any); with questions the mean share of their evidence that each recalls. `missing` counts the texts that
        lack a vector on each side."""
        turns, lacking = await self.reader.ask(owner, session, None, self._turns)
        upto = min(lacking[0] | lacking[1], default=None)
        rows: list[dict[str, Json]] = []
        left_out: list[str] = []
        for number, turn in enumerate(turns, start=1):
            whole = upto is None or turn.version < upto
            row = await self._row(await self.sides[0].past.of(turn)) if whole and turn.context is not None else None
            left_out.extend([turn.id] if row is None else [])
            rows.extend([] if row is None else [row])
            progress(number, len(turns))
        at = None if upto is None else upto - 1
        return {
            "session_id": session,
            "policies": [cast("JsonObject", side.policy.record()) for side in self.sides],
            "embedders": [side.past.embedders.vectors for side in self.sides],
            "missing": [len(versions) for versions in lacking],
            "turns": rows,
            "left_out": left_out,
            **_summary(rows),
            "questions": await self._asked(owner, session, at, questions) if questions else None,
        }

    def _turns(self, asked: Asked) -> tuple[list[Turn], tuple[set[int], set[int]]]:
        """The session's turns, and what each side lacks."""
        first, second = self.sides
        return self.reader.models.audits.turns(asked.id), (first.lacking(asked.id), second.lacking(asked.id))

    async def _row(self, turn: PastTurn) -> dict[str, Json] | None:
        """None for a turn whose context does not fit the window any more, or showed what was forgotten since."""

        def build() -> dict[str, Json] | None:
            try:
                ours, others = (side.past.build(turn, side.policy).context for side in self.sides)
            except (ContextTooLong, Conflict):
                return None
            memories = [{one["version"] for one in kept(context.recall)} for context in (ours, others)]
            return {
                "turn": turn.turn.id,
                "version": turn.version,
                "changed": ours.sha256 != others.sha256,
                "tokens": [used(ours.budget), used(others.budget)],
                "kept": [sorted(one) for one in memories],
                "overlap": _overlap(*memories),
            }

        return await self.reader.fresh(build)

    async def _asked(self, owner: str, session: str, at: int | None, questions: Sequence[KnownAnswer]) -> JsonObject:
        asked = await self.sides[0].recollection.pinned(owner, session, at)
        rows = [await self._question(asked, known) for known in questions]
        told = [row for row in rows if row["evidence"]]
        return {
            "at": asked.version,
            "asked": len(told),
            "without_evidence": len(rows) - len(told),
            "recall": [_mean([cast("list[float]", row["recall"])[place] for row in told]) for place in (0, 1)],
            "rows": rows,
        }

    async def _question(self, asked: Asked, known: KnownAnswer) -> dict[str, Json]:
        queries = [await side.recollection.query(asked, known.query) for side in self.sides]

        def read() -> dict[str, Json]:
            evidence = self._evidence(asked, known)
            found = [side.recalled(asked, query) for side, query in zip(self.sides, queries, strict=True)]
            return {
                "question": known.query,
                "evidence": sorted(evidence),
                "recall": [len(evidence & one) / len(evidence) for one in found] if evidence else None,
            }

        return await asyncio.to_thread(read)

    def _evidence(self, asked: Asked, known: KnownAnswer) -> set[int]:
        """The versions that answer it: those given, and of each text given the first message in view that reads so."""
        messages = self.reader.models.conversation.messages(asked.id, asked.at)
        first = {message.text: message.version for message in reversed(messages)}
        given = {message.version for message in messages}.intersection(known.versions)
        return given | {first[text] for text in known.texts if text in first}


def _overlap(ours: set[int], others: set[int]) -> float:
    """How many of the memories that either kept both kept."""
    return round(len(ours & others) / len(ours | others), 4) if ours | others else 1.0


def _summary(rows: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    tokens = [cast("list[int]", row["tokens"]) for row in rows]
    return {
        "compared": len(rows),
        "changed": sum(bool(row["changed"]) for row in rows),
        "tokens": [sum(pair[place] for pair in tokens) for place in (0, 1)],
        "overlap": _mean([cast("float", row["overlap"]) for row in rows]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
