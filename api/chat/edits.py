"""Edits that a transcript shows, taken in before anything is recalled: what a message says now may be what matters.

All else of a request is one append with its turn. So are the edits of a long history; those of a prompt that is no turn
are never stored.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.chat.comparison import Compared
from api.chat.contexts import Contexts
from api.chat.perception import Perception
from api.chat.request import TurnRequest
from api.ports import EventLog
from domain.operations import Edit, Operation, Settle
from projections.follower import Follower

AT_ONCE: Final = 64
"""Edits of one request that are read before the answer. More of them are read in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """Operations that are done already, and the versions of the texts they brought."""

    operations: Sequence[Operation] = ()
    messages: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """Stores edits, and waits until the views have them."""

    perception: Perception
    contexts: Contexts
    log: EventLog
    follower: Follower

    async def take_in(self, turn: str, request: TurnRequest, compared: Compared) -> TakenIn:
        """What was taken in. Raises ContextTooLong for a request that will be refused: nothing of it is stored."""
        session, first = compared.session, compared.result.operations[:1]
        edits = _only_edits(first)
        if not (compared.stored and 0 < len(edits) <= AT_ONCE):
            return TakenIn()
        await asyncio.to_thread(self.contexts.refuse_too_long, request)
        before = session.version
        received = session.receive(turn=turn, operations=first)
        said = {version: one.text for version, one in zip(received.messages, edits, strict=True)}
        perceived = await self.perception.perceive({version: text for version, text in said.items() if text.strip()})
        session.detect(self.perception.detected(perceived))
        vectors = self.perception.vectors(session.id, perceived)
        await self.log.append(session.id, before, session.collect(), vectors)
        await self.follower.caught_up_with(session.id, session.version)
        return TakenIn(operations=first, messages=received.messages)


def _only_edits(operations: Sequence[Operation]) -> list[Edit]:
    """The edits of a change of the path that brings nothing else that is new."""
    texts = [
        one for settle in operations if isinstance(settle, Settle) for one in settle.path if not isinstance(one, int)
    ]
    edits = [one for one in texts if isinstance(one, Edit)]
    return edits if len(edits) == len(texts) else []
