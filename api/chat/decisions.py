"""What a request becomes: compared with its session, taken in, read, and answered for with a context.

compare -> (edits) -> receive -> perceive -> recall and context -> the turn's events, not yet appended
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import uuid4

from api.chat.comparison import Compared, Comparison
from api.chat.contexts import Built, Contexts
from api.chat.edits import Edits, TakenIn
from api.chat.incoming import Incoming, brought
from api.chat.perception import Perceived, Perception
from api.chat.request import TurnRequest
from api.chat.stopwatch import elapsed_ms
from api.ports import ChatModel, Picture
from domain.events import SessionEvent
from domain.messages import Message, is_speech, leading
from domain.session import Session
from domain.transcript import Reconciliation
from domain.turn import Received
from projections.ports import StoredVector

PERCEIVED_AT_ONCE: Final = 8
"""New messages of one request that are read before the answer. A longer history is read in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A turn that the session agreed to: its id, the context, and what is to be appended; nothing is, when `compared`
    found that the request is none. `continues` is the text that the reply goes on from."""

    turn: str
    compared: Compared
    built: Built
    events: Sequence[SessionEvent]
    vectors: Sequence[StoredVector]
    pictures: Sequence[Picture]
    continues: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Decides on requests, each for a session that nobody else changes meanwhile."""

    comparison: Comparison
    perception: Perception
    contexts: Contexts
    edits: Edits
    model: ChatModel
    clock: Callable[[], datetime]

    async def decide(self, session: Session, request: TurnRequest, *, named: bool, opened_ms: float) -> Decided:
        """Raises what makes the request impossible (a context too long, a model that does not take it)."""
        turn, started = uuid4().hex, time.perf_counter()
        compared = await asyncio.to_thread(self.comparison.compare, session, request, named=named)
        session, result = compared.session, compared.result
        self._check_model(request, result)
        edits = await self.edits.take_in(turn, request, compared)
        received = await asyncio.to_thread(_received, turn, request, compared, edits)
        new = brought(result, received)
        timings = _before_encoding(request, load_ms=opened_ms + elapsed_ms(started))
        started = time.perf_counter()
        current = session.path[-1] if session.path else 0
        asked = new[current].text if current in new else compared.texts.get(current, "")
        unread = {version: one for version, one in new.items() if version not in edits.messages}
        perceived, query = await self._perceive(current, request.question or asked, unread, compared.speakers)
        timings["encode"] = elapsed_ms(started)
        now = self.clock()
        incoming = Incoming(
            session=session,
            request=request,
            received=received,
            result=result,
            query=query.as_query(now.toordinal()),
            emotion=query.emotion,
            model=request.model or self.model.default,
            timings_ms=timings,
        )
        built = await asyncio.to_thread(self.contexts.build, incoming, now.isoformat())
        session.begin_turn(turn, emotions=self.perception.detected(perceived), context=built.context)
        return Decided(
            turn=turn,
            compared=compared,
            built=built,
            events=session.collect(),
            vectors=self.perception.vectors(session.id, perceived),
            pictures=incoming.pictures,
            continues=asked if result.kind == "continue" else "",
        )

    def _check_model(self, request: TurnRequest, result: Reconciliation) -> None:
        """Raises Unsupported, before anything is stored, for what the model is known not to take."""
        self.model.check(
            model=request.model or self.model.default,
            parameters=request.parameters,
            images=any(arrived.message.images for arrived in result.arrived),
        )

    async def _perceive(
        self, current: int, asked: str, new: Mapping[int, Message], speakers: Sequence[str]
    ) -> tuple[list[Perceived], Perceived]:
        """What is read in the request's new messages, and in what is asked, which need not be new."""
        at_once = dict(list(new.items())[-PERCEIVED_AT_ONCE:])
        said = {version: one.text for version, one in at_once.items() if is_speech(one.role, one.text)}
        read = await self.perception.perceive({version: text for version, text in said.items() if version != current})
        query = await self.perception.perceive_query(current, asked, speakers)
        return [item for item in [*read, query] if item.version in said], query


def _received(turn: str, request: TurnRequest, compared: Compared, edits: TakenIn) -> Received:
    """The session takes the request in. Blocks: a client may bring a long history."""
    received = compared.session.receive(
        turn=turn,
        instructions=request.instructions,
        leading=leading(request.messages),
        operations=compared.result.operations[len(edits.operations) :],
    )
    return replace(received, messages=[*edits.messages, *received.messages])


def _before_encoding(request: TurnRequest, *, load_ms: float) -> dict[str, float]:
    """All the time since the request arrived: read, waited (resolving, lock, views, an earlier attempt), loaded."""
    wait_ms = max(0.0, elapsed_ms(request.arrived) - request.parse_ms - load_ms)
    return {"parse": request.parse_ms, "wait": round(wait_ms, 3), "load": round(load_ms, 3)}
