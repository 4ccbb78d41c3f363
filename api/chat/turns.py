"""The turn: a request comes in, a context is built from memory, the model answers, and all of it is kept.

    resolve -> lock -> load -> receive -> perceive -> recall and context -> append ┐
                                                                        model call ┴-> answer -> reply appended

The append and the model call run side by side; the answer begins when the append is durable and the model's first word
(or error) is there. Knows no HTTP and no SDK.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from api.access.room import Room, boundless
from api.chat.answers import Facts, RunningAnswer
from api.chat.choices import Choices
from api.chat.contexts import Built, Contexts
from api.chat.endless import refuse_endless
from api.chat.incoming import Incoming, Recent, brought
from api.chat.leftovers import unread
from api.chat.perception import Perceived, Perception
from api.chat.replies import Opened, Replies, TurnKeeper
from api.chat.request import TurnRequest
from api.chat.resolution import Place, Resolver
from api.chat.stopwatch import elapsed_ms
from api.commands import decided
from api.log_ids import note
from api.ports import ChatModel, EventLog, SessionLocks
from domain.errors import NotFound
from domain.events import SessionEvent
from domain.messages import Message, leading
from domain.session import Session
from domain.transcript import key, reconcile
from domain.turn import Received
from projections.follower import Follower
from projections.ports import StoredVector

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
    perception: Perception
    contexts: Contexts
    model: ChatModel
    replies: Replies
    clock: Callable[[], datetime]
    room: Room = boundless


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """A turn that the session agreed to: its id, the context, and what is to be appended."""

    turn: str
    session: Session
    built: Built
    events: Sequence[SessionEvent]
    vectors: Sequence[StoredVector]


class Turns:
    """Answers requests, one at a time for each session."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts = parts
        self._choices = Choices(parts.model)
        self._running: dict[UUID, tuple[RunningAnswer, str]] = {}

    async def answer(self, request: TurnRequest) -> RunningAnswer:
        """An answer that has begun. Raises a HeartlineError before it: nothing of the request is stored then, except
        that a turn whose model failed stays in its session as failed, with the user's message."""
        await refuse_endless(request, self._parts.contexts.shares, self._parts.contexts.counter)
        with self._parts.perception.anticipating(_newest(request)):
            if request.address.external_id is None:  # the views tell which session it is
                await self._parts.follower.caught_up()
            place = await self._parts.resolver.resolve(request.owner, request.address, request.dialogue)
            note(session=place.session.hex)
            await self._supersede(place.session, _asked(request))
            answer = await decided(lambda: self._begin(place, request))
        await _unless_gone(answer, answer.begun())
        return answer

    async def close(self) -> None:
        """Wait until every running answer has stored its end."""
        await asyncio.gather(*(answer.ended() for answer, _ in list(self._running.values())), return_exceptions=True)

    async def _supersede(self, session: UUID, asked: str) -> None:
        """The same message sent again leaves the running answer unwanted: end it, keep what was sent, and go on."""
        running = self._running.get(session)
        if running is not None and running[1] == asked:
            await running[0].supersede()

    # -- one attempt ---------------------------------------------------------------------------------------------------

    async def _begin(self, place: Place, request: TurnRequest) -> RunningAnswer:
        """An answer whose turn is stored. From its start on it holds the session's lock itself, until its end."""
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._parts.locks.hold(place.session))
            opening = time.perf_counter()
            session = await self._open(place)
            opened_ms = elapsed_ms(opening)
            # Again: while we waited for the lock, another turn may have been appended.
            await self._parts.follower.caught_up_with(place.session, session.version - len(session.pending_events))
            decision = await self._decide(session, request, opened_ms)
            answer = self._start(place, request, decision, held)
        await _unless_gone(answer, answer.stored())
        return answer

    def _start(self, place: Place, request: TurnRequest, decision: _Decided, held: AsyncExitStack) -> RunningAnswer:
        """Append and model call, side by side."""
        parts, context = self._parts, decision.built.context
        note(turn=decision.turn)
        appended_ms: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        opened = Opened(
            session=place.session,
            owner=place.owner,
            begun=decision.session,
            turn=decision.turn,
            arrived=request.arrived,
            appended_ms=appended_ms,
            input_tokens=sum(share["used"] for share in context.budget["parts"].values()),
            unread=unread(decision.events, decision.vectors),
            summarised=decision.built.summarised,
            context=context,
        )
        facts = Facts(
            session=place.external_id,
            turn=decision.turn,
            model=context.model,
            created=int(parts.clock().timestamp()),
            left_out=decision.built.left_out,
        )
        source = self._choices.stream(decision.built.messages, model=context.model, parameters=request.parameters)
        answer = RunningAnswer(facts, source, TurnKeeper(replies=parts.replies, opened=opened))
        append = asyncio.create_task(self._append(place.session, decision, appended_ms))
        self._running[place.session] = (answer, _asked(request))
        lock = held.pop_all()
        answer.start(append, lambda: self._release(place.session, lock))
        return answer

    async def _release(self, session: UUID, lock: AsyncExitStack) -> None:
        del self._running[session]
        await lock.aclose()

    async def _append(self, session: UUID, decision: _Decided, appended_ms: "asyncio.Future[float]") -> None:
        began = time.perf_counter()
        before = decision.events[0].originator_version - 1
        await self._parts.log.append(session, before, decision.events, decision.vectors)
        appended_ms.set_result(elapsed_ms(began))

    async def _open(self, place: Place) -> Session:
        """The session, loaded or new. A turn that is still open has no one to answer it: we hold the session's lock."""
        try:
            session = await self._parts.log.load(place.session)
        except NotFound:
            await self._parts.room(place.owner)
            return Session.start(
                owner=place.owner, external_id=place.external_id, identified_by=place.identified_by, user=place.user
            )
        session.belongs_to(place.owner)
        if session.open_turn is not None:
            logger.warning("turn abandoned by its process", extra={"session": session.id.hex})
            session.fail_turn(session.open_turn.id, code="abandoned", detail="The process that answered it ended.")
            await self._parts.log.append(session.id, session.version - 1, session.collect())
        return session

    async def _decide(self, session: Session, request: TurnRequest, opened_ms: float) -> _Decided:
        turn, dialogue, started = uuid4().hex, request.dialogue, time.perf_counter()
        recent = await asyncio.to_thread(self._parts.contexts.recent, session, len(dialogue) + SPARE_TAIL)
        reconciliation = reconcile(dialogue, recent.known)
        received = session.receive(
            turn=turn,
            instructions=request.instructions,
            leading=leading(request.messages),
            operations=reconciliation.operations,
        )
        self._check_model(request, received)
        timings = _before_encoding(request, load_ms=opened_ms + elapsed_ms(started))
        started = time.perf_counter()
        perceived, query = await self._perceive(session, brought(request, received), recent)
        timings["encode"] = elapsed_ms(started)
        now = self._parts.clock()
        incoming = Incoming(
            session=session,
            request=request,
            received=received,
            matched=reconciliation.matched,
            kind=reconciliation.kind,
            query=query.as_query(now.toordinal()),
            emotion=query.emotion,
            model=request.model or self._parts.model.default,
            timings_ms=timings,
        )
        built = await asyncio.to_thread(self._parts.contexts.build, incoming, now.isoformat())
        session.begin_turn(turn, emotions=self._parts.perception.detected(perceived), context=built.context)
        vectors = self._parts.perception.vectors(session.id, perceived)
        return _Decided(turn=turn, session=session, built=built, events=session.collect(), vectors=vectors)

    def _check_model(self, request: TurnRequest, received: Received) -> None:
        """Raises Unsupported, before anything is stored, for what the model is known not to take."""
        self._parts.model.check(
            model=request.model or self._parts.model.default,
            parameters=request.parameters,
            images=any(message.images for message in brought(request, received).values()),
        )

    async def _perceive(
        self, session: Session, new: Mapping[int, Message], recent: Recent
    ) -> tuple[list[Perceived], Perceived]:
        """What is read in the request's new messages, and in the current one, which need not be new."""
        perception = self._parts.perception
        at_once = dict(list(new.items())[-PERCEIVED_AT_ONCE:])
        current = session.path[-1] if session.path else 0
        asked = new[current].text if current in new else recent.texts.get(current, "")
        others = {version: message.text for version, message in at_once.items() if version != current}
        read = await perception.perceive(others)
        query = await perception.perceive_query(current, asked, recent.speakers)
        # What a tool answered is shown to the model, but neither felt nor recalled.
        kept = [item for item in [*read, query] if item.version in at_once and at_once[item.version].role != "tool"]
        return kept, query


async def _unless_gone(answer: RunningAnswer, waiting: Awaitable[None]) -> None:
    """Wait. A caller that is cancelled meanwhile is gone, and its answer ends with it."""
    try:
        await waiting
    except asyncio.CancelledError:
        await asyncio.shield(answer.cancel())
        raise


def _newest(request: TurnRequest) -> str:
    """The text that memories are most likely to be sought with."""
    return request.dialogue[-1].text if request.dialogue else ""


def _asked(request: TurnRequest) -> str:
    """The last message of the request's dialogue: sent again, it asks for another answer to the same."""
    dialogue = request.dialogue
    return key(dialogue[-1].role, dialogue[-1].text) if dialogue else ""


def _before_encoding(request: TurnRequest, *, load_ms: float) -> dict[str, float]:
    """All the time since the request arrived: read, waited (resolving, lock, views, an earlier attempt), loaded."""
    wait_ms = max(0.0, elapsed_ms(request.arrived) - request.parse_ms - load_ms)
    return {"parse": request.parse_ms, "wait": round(wait_ms, 3), "load": round(load_ms, 3)}
