"""The turn: a request comes in, a context is built from memory, the model answers, and all of it is kept.

    resolve -> lock -> load -> receive -> perceive -> recall and context -> append ┐
                                                                        model call ┴-> answer -> reply appended

The append and the model call run side by side; the answer begins when the append is durable and the model's first word
(or error) is there. Knows no HTTP and no SDK.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from api.access.room import Room, boundless
from api.chat.album import Album
from api.chat.answers import Facts, RunningAnswer
from api.chat.choices import Choices
from api.chat.decisions import Decided, Decisions
from api.chat.endless import refuse_endless
from api.chat.leftovers import unread
from api.chat.perception import Perception
from api.chat.replies import BesideKeeper, Opened, Replies, TurnKeeper
from api.chat.request import TurnRequest
from api.chat.resolution import Place, Resolver
from api.chat.stopwatch import elapsed_ms
from api.commands import decided
from api.log_ids import note
from api.ports import ChatModel, EventLog, SessionLocks
from domain.errors import NotFound
from domain.keys import key
from domain.session import Session
from domain.transcript import Reconciliation
from projections.follower import Follower

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParts:
    """What a turn is made with."""

    log: EventLog
    follower: Follower
    locks: SessionLocks
    resolver: Resolver
    decisions: Decisions
    perception: Perception
    model: ChatModel
    album: Album
    replies: Replies
    clock: Callable[[], datetime]
    room: Room = boundless


class Turns:
    """Answers requests, one at a time for each session."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts = parts
        self._choices = Choices(parts.model)
        self._running: dict[UUID, tuple[RunningAnswer, str]] = {}

    async def answer(self, request: TurnRequest) -> RunningAnswer:
        """An answer that has begun. Raises a HeartlineError before it: nothing of the request is stored then, except
        that a turn whose model failed stays in its session as failed, with the user's message."""
        await refuse_endless(request, self._parts.decisions.contexts.shares, self._parts.decisions.contexts.counter)
        with self._parts.perception.anticipating(_newest(request)):
            if request.address.external_id is None:  # the views tell which session it is
                await self._parts.follower.caught_up()
            place = await self._parts.resolver.resolve(request.owner, request.address, request.prompt(named=False))
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
            decision = await self._parts.decisions.decide(session, request, named=place.is_named, opened_ms=opened_ms)
            answer = self._start(place, request, decision, held)
        await _unless_gone(answer, answer.stored())
        return answer

    def _start(self, place: Place, request: TurnRequest, decision: Decided, held: AsyncExitStack) -> RunningAnswer:
        """Append and model call, side by side. An answer beside the chat appends nothing and holds no lock."""
        parts, context, compared = self._parts, decision.built.context, decision.compared
        note(turn=decision.turn)
        appended_ms: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        opened = Opened(
            session=place.session,
            owner=place.owner,
            begun=compared.session,
            turn=decision.turn,
            arrived=request.arrived,
            appended_ms=appended_ms,
            input_tokens=sum(share["used"] for share in context.budget["parts"].values()),
            unread=unread(decision.events, decision.vectors),
            summarised=decision.built.summarised,
            context=context,
            continues=decision.continues,
            speaker=compared.result.speaker,
        )
        facts = Facts(
            session="" if compared.result.alone else place.external_id,
            turn=decision.turn,
            model=context.model,
            created=int(parts.clock().timestamp()),
            left_out=decision.built.left_out,
            is_turn=compared.stored,
            warning=_warning(compared.result),
        )
        keeper = (TurnKeeper if compared.stored else BesideKeeper)(replies=parts.replies, opened=opened)
        source = self._choices.stream(decision.built.messages, model=context.model, parameters=request.parameters)
        answer = RunningAnswer(facts, source, keeper)
        append = asyncio.create_task(self._append(place.session, decision, appended_ms))
        lock = held.pop_all() if compared.stored else AsyncExitStack()
        lock.enter_context(parts.album.holding(request.pictures))
        running = place.session if compared.stored else uuid4()
        self._running[running] = (answer, _asked(request))
        answer.start(append, lambda: self._release(running, lock))
        return answer

    async def _release(self, session: UUID, lock: AsyncExitStack) -> None:
        del self._running[session]
        await lock.aclose()

    async def _append(self, session: UUID, decision: Decided, appended_ms: "asyncio.Future[float]") -> None:
        began = time.perf_counter()
        if decision.compared.stored:
            before = decision.events[0].originator_version - 1
            await self._parts.log.append(session, before, decision.events, decision.vectors, pictures=decision.pictures)
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


def _warning(result: Reconciliation) -> str | None:
    """What the client should know of rule 11."""
    ignored = result.record["ignored"]
    if not ignored:
        return None
    return f"{ignored} messages of the transcript were cut off by a rewind and are ignored until the client drops them."
