"""The turn: a request comes in, a context is built from memory, the model answers, and all of it is kept.

    resolve -> lock -> load -> receive -> perceive -> recall and context -> append ┐
                                                                        model call ┴-> answer -> reply appended

The append and the model call run side by side; the answer begins when the append is durable and the model's first word
(or error) is there. Knows no HTTP and no SDK.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from api.answers import Facts, RunningAnswer
from api.commands import decided
from api.contexts import Built, Contexts, Incoming
from api.perception import Perceived, Perception
from api.ports import ChatModel, EventLog, SessionLocks
from api.replies import Opened, Replies, TurnKeeper
from api.resolution import Place, Resolver
from api.turn import TurnRequest
from domain.errors import HeartlineError, NotFound
from domain.events import SessionEvent
from domain.messages import Instruction, Message
from domain.session import Session
from domain.transcript import Reconciliation, key, reconcile
from domain.turn import Received
from projections.conversation import Conversation
from projections.follower import Follower
from projections.ports import StoredVector
from projections.recall import Query

logger = logging.getLogger(__name__)

SPARE_TAIL: Final = 80
"""Messages of the path, beyond the transcript's length, that the transcript is compared with."""

PERCEIVED_AT_ONCE: Final = 8
"""New messages of one request that are read before the answer. A longer history is read in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParts:
    """What a turn is made with."""

    log: EventLog
    follower: Follower
    locks: SessionLocks
    resolver: Resolver
    conversation: Conversation
    perception: Perception
    contexts: Contexts
    model: ChatModel
    replies: Replies
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """A turn that the session agreed to: its id, the context, and what was read in the new texts."""

    turn: str
    built: Built
    perceived: list[Perceived]


class Turns:
    """Answers requests, one at a time for each session."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts = parts
        self._running: dict[UUID, tuple[RunningAnswer, str]] = {}

    async def answer(self, request: TurnRequest) -> RunningAnswer:
        """An answer that has begun. Raises a HeartlineError before it: nothing of the request is stored then, except
        that a turn whose model failed stays in its session as failed, with the user's message."""
        parts = self._parts
        dialogue = [message for message in request.messages if isinstance(message, Message)]
        await parts.follower.reached(*await asyncio.to_thread(self._log_ends))
        place = await parts.resolver.resolve(request.owner, request.address, dialogue)
        asked = key(dialogue[-1].role, dialogue[-1].text) if dialogue else ""
        await self._supersede(place.session, asked)
        async with AsyncExitStack() as held:
            await held.enter_async_context(parts.locks.hold(place.session))
            answer = await decided(lambda: self._begin(place, request, held))
            self._running[place.session] = (answer, asked)
        try:
            await answer.begun()
        except asyncio.CancelledError:
            await asyncio.shield(answer.cancel())
            raise
        return answer

    async def close(self) -> None:
        """Wait until every running answer has stored its end."""
        await asyncio.gather(*(answer.ended() for answer, _ in list(self._running.values())), return_exceptions=True)

    def _log_ends(self) -> tuple[int, int]:
        return self._parts.log.last_position(), self._parts.log.last_sequence()

    async def _supersede(self, session: UUID, asked: str) -> None:
        """The same message sent again leaves the running answer unwanted: end it, keep what was sent, and go on."""
        running = self._running.get(session)
        if running is not None and running[1] == asked:
            await running[0].cancel()

    # -- one attempt ---------------------------------------------------------------------------------------------------

    async def _begin(self, place: Place, request: TurnRequest, held: AsyncExitStack) -> RunningAnswer:
        parts = self._parts
        session = await self._open(place)
        decision = await self._decide(session, request)
        context, events = decision.built.context, session.collect()
        appended_ms: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        append = asyncio.create_task(
            self._append(session.id, events, parts.perception.vectors(session.id, decision.perceived), appended_ms)
        )
        opened = Opened(
            session=session.id,
            turn=decision.turn,
            arrived=request.arrived,
            appended_ms=appended_ms,
            input_tokens=sum(share["used"] for share in context.budget["parts"].values()),
        )
        facts = Facts(
            session=place.external_id,
            turn=decision.turn,
            model=context.model,
            created=int(parts.clock().timestamp()),
            left_out=decision.built.left_out,
        )
        source = parts.model.stream(decision.built.messages, model=context.model, parameters=request.parameters)
        answer = RunningAnswer(facts, source, TurnKeeper(replies=parts.replies, opened=opened))
        lock = held.pop_all()
        answer.start(append, lambda: self._release(session.id, answer, lock))
        try:
            await asyncio.shield(append)
        except HeartlineError:
            held.push_async_exit(lock)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(answer.cancel())
            raise
        return answer

    async def _release(self, session: UUID, answer: RunningAnswer, lock: AsyncExitStack) -> None:
        running = self._running.get(session)
        if running is not None and running[0] is answer:
            del self._running[session]
        await lock.aclose()

    async def _append(
        self,
        session: UUID,
        events: Sequence[SessionEvent],
        vectors: Sequence[StoredVector],
        appended_ms: "asyncio.Future[float]",
    ) -> None:
        began = time.perf_counter()
        await self._parts.log.append(session, events[0].originator_version - 1, events, vectors)
        appended_ms.set_result(_since(began))

    async def _open(self, place: Place) -> Session:
        """The session, loaded or new. A turn that is still open has no one to answer it: we hold the session's lock."""
        try:
            session = await self._parts.log.load(place.session)
        except NotFound:
            return Session.start(
                owner=place.owner, external_id=place.external_id, identified_by=place.identified_by, user=place.user
            )
        session.belongs_to(place.owner)
        if session.open_turn is not None:
            logger.warning("turn abandoned by its process", extra={"session": session.id.hex})
            session.fail_turn(session.open_turn.id, code="abandoned", detail="The process that answered it ended.")
            await self._parts.log.append(session.id, session.version - 1, session.collect())
        return session

    async def _decide(self, session: Session, request: TurnRequest) -> _Decided:
        turn = uuid4().hex
        reconciliation = await self._reconcile(session, request)
        received = session.receive(
            turn=turn,
            instructions=[message for message in request.messages if isinstance(message, Instruction)],
            leading=_leading(request.messages),
            operations=reconciliation.operations,
        )
        started = time.perf_counter()
        perceived, query = await self._perceive(session, received, request)
        timings = {"parse": request.parse_ms, "encode": _since(started)}
        incoming = Incoming(
            session=session,
            messages=request.messages,
            received=received,
            matched=reconciliation.matched,
            kind=reconciliation.kind,
            query=Query(text=query.text, vector=query.query_vector, dominant=query.emotion.dominant),
            emotion=query.emotion,
            model=request.model or self._parts.model.default,
            parameters=request.parameters,
            timings_ms=timings,
        )
        built = await asyncio.to_thread(self._parts.contexts.build, incoming, self._parts.clock().isoformat())
        session.begin_turn(turn, emotions=self._parts.perception.detected(perceived), context=built.context)
        return _Decided(turn=turn, built=built, perceived=perceived)

    async def _reconcile(self, session: Session, request: TurnRequest) -> Reconciliation:
        dialogue = [message for message in request.messages if isinstance(message, Message)]
        tail = await asyncio.to_thread(self._parts.conversation.keys_tail, session.id, len(dialogue) + SPARE_TAIL)
        return reconcile(dialogue, tail)

    async def _perceive(
        self, session: Session, received: Received, request: TurnRequest
    ) -> tuple[list[Perceived], Perceived]:
        """What is read in the request's new messages, and in the current one, which need not be new."""
        dialogue = [message.text for message in request.messages if isinstance(message, Message)]
        new = dict(zip(received.messages, dialogue[len(dialogue) - len(received.messages) :], strict=True))
        at_once = dict(list(new.items())[-PERCEIVED_AT_ONCE:])
        perceived = await self._parts.perception.perceive(at_once)
        if perceived and session.path and perceived[-1].version == session.path[-1]:
            return perceived, perceived[-1]
        current = session.path[-1] if session.path else 0
        texts = await asyncio.to_thread(self._parts.conversation.texts, session.id, [current])
        (again,) = await self._parts.perception.perceive({current: texts.get(current, "")})
        return perceived, again


def _leading(messages: Sequence[Message | Instruction]) -> int:
    """How many instructions stand before the first message of the dialogue."""
    return next(
        (place for place, message in enumerate(messages) if isinstance(message, Message)),
        len(messages),
    )


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
