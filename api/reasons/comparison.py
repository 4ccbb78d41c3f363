"""Two policies over all the turns of a session, and over questions whose answers are known: no model is called.

Each turn's context is built again as of then by both; each question is asked of the session as it is now.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from api.filters import Filters
from api.reasons.past import Past, PastTurn
from api.reasons.what_if import kept, used
from api.services import KnownAnswer
from api.sessions.reader import Asked
from api.sessions.recollection import Recollection
from domain.errors import Conflict, ContextTooLong
from domain.records import Json, JsonObject
from projections.audits import Turn
from projections.evidence import Query
from projections.policies import Policy

Pair = tuple[Policy, Policy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Compares policies on a session."""

    past: Past
    recollection: Recollection

    async def answer(self, owner: str, session: str, pair: Pair, questions: Sequence[KnownAnswer]) -> JsonObject:
        """Per turn and in all: whether the context changed, tokens, overlap of the kept memories (1.0 where neither
        kept any); with questions the mean share of their evidence that each recalls."""
        turns = await self.past.reader.ask(owner, session, None, self._turns)
        rows: list[dict[str, Json]] = []
        left_out: list[str] = []
        for turn in turns:
            row = None if turn.context is None else await self._row(await self.past.of(turn), pair)
            left_out.extend([turn.id] if row is None else [])
            rows.extend([] if row is None else [row])
        return {
            "session_id": session,
            "policies": [cast("JsonObject", policy.record()) for policy in pair],
            "turns": rows,
            "left_out": left_out,
            **_summary(rows),
            "questions": await self._asked(owner, session, pair, questions) if questions else None,
        }

    def _turns(self, asked: Asked) -> list[Turn]:
        return self.past.reader.models.audits.turns(asked.id)

    async def _row(self, turn: PastTurn, pair: Pair) -> dict[str, Json] | None:
        """None for a turn whose context does not fit the window any more, or showed what was forgotten since."""

        def build() -> dict[str, Json] | None:
            try:
                ours, others = (self.past.build(turn, policy).context for policy in pair)
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

        return await self.past.reader.fresh(build)

    async def _asked(self, owner: str, session: str, pair: Pair, questions: Sequence[KnownAnswer]) -> JsonObject:
        rows = [await self._question(owner, session, pair, known) for known in questions]
        asked = [row for row in rows if row["evidence"]]
        return {
            "asked": len(asked),
            "without_evidence": len(rows) - len(asked),
            "recall": [_mean([cast("list[float]", row["recall"])[place] for row in asked]) for place in (0, 1)],
            "rows": rows,
        }

    async def _question(self, owner: str, session: str, pair: Pair, known: KnownAnswer) -> dict[str, Json]:
        asked = await self.recollection.pinned(owner, session)
        query = await self.recollection.query(asked, known.query)

        def read() -> dict[str, Json]:
            evidence = self._evidence(asked, known)
            return {
                "question": known.query,
                "evidence": sorted(evidence),
                "recall": [self._recalled(asked, query, policy, evidence) for policy in pair] if evidence else None,
            }

        return await asyncio.to_thread(read)

    def _evidence(self, asked: Asked, known: KnownAnswer) -> set[int]:
        """The versions that answer it: those given, and of each text given the first message in view that reads so."""
        messages = self.past.reader.models.conversation.messages(asked.id)
        first = {message.text: message.version for message in reversed(messages)}
        given = {message.version for message in messages}.intersection(known.versions)
        return given | {first[text] for text in known.texts if text in first}

    def _recalled(self, asked: Asked, query: Query, policy: Policy, evidence: set[int]) -> float:
        seeking = replace(self.recollection.seeking, policy=policy)
        _, told = replace(self.recollection, seeking=seeking).ranked(asked, query, Filters(), policy.top_k)
        return len(evidence & told.keys()) / len(evidence)


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
