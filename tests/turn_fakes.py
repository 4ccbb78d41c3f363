"""What tests of the turn need of the world: a log, an encoder and a model that fail when told to, and short questions.

log.will((), (gate, Unavailable("full")))      the first append goes well, the second waits, then fails
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import aclosing
from itertools import count
from types import coroutine
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

import pytest

from api.chat.answers import RunningAnswer
from api.chat.request import Answer
from api.ports import Delta, Encoding, Picture, Streamed
from domain.errors import HeartlineError, NotFound, Unavailable
from domain.events import SessionEvent
from domain.messages import Instruction, Message
from domain.records import JsonObject, NeutralMessage
from domain.session import session_id
from projections.ports import StoredVector
from tests.fakes import MemoryEventLog
from tests.fakes_models import HashEncoder, ScriptedModel
from tests.system import NOON, OWNER, System

T = TypeVar("T")

Plan = Sequence[asyncio.Event | HeartlineError]
"""How an append goes: wait for the event, or fail with the error; then it is stored."""


class PlannedLog(MemoryEventLog):
    """A log in memory of which a test says how its next appends go. `batches` are the kinds of events of each that was
    stored."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self._plans: list[Plan] = []

    def will(self, *plans: Plan) -> None:
        """The next appends go so, those after them well."""
        self._plans = list(plans)

    async def append(
        self,
        session: UUID,
        expected: int,
        events: Sequence[SessionEvent],
        vectors: Sequence[StoredVector] = (),
        *,
        pictures: Sequence[Picture] = (),
    ) -> list[int]:
        for step in self._plans.pop(0) if self._plans else ():
            if isinstance(step, HeartlineError):
                raise step
            await step.wait()
        positions = await super().append(session, expected, events, vectors, pictures=pictures)
        self.batches.append(kinds(events))
        return positions


class FlakyEncoder(HashEncoder):
    """An encoder that does not answer while `failing`."""

    failing = False

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        if self.failing:
            raise Unavailable("The encoder does not answer.")
        return await super().encode(texts)


class Upstream:
    """A scripted model that says it is not the offline one."""

    def __init__(self, scripted: ScriptedModel) -> None:
        self._scripted = scripted

    @property
    def provider(self) -> Literal["openai"]:
        return "openai"

    @property
    def default(self) -> str:
        return self._scripted.default

    async def models(self) -> list[str]:
        return await self._scripted.models()

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        self._scripted.check(model=model, parameters=parameters, images=images)

    def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        return self._scripted.stream(messages, model=model, parameters=parameters)

    async def close(self) -> None:
        await self._scripted.close()


# -- what is sent ------------------------------------------------------------------------------------------------------


def transcript(*texts: str) -> list[Message]:
    """A dialogue as a client sends it whole: the user begins, and they take turns."""
    return [
        Message(role="assistant" if place % 2 else "user", text=text, said_at=NOON.isoformat())
        for place, text in enumerate(texts)
    ]


def system_text(text: str) -> Instruction:
    return Instruction(role="system", text=text)


# -- what is answered -------------------------------------------------------------------------------------------------


async def begun(heartline: System, *texts: str) -> RunningAnswer:
    """An answer to a transcript, by default a "Hello", as it begins."""
    return cast("RunningAnswer", await heartline.ask("tea", *transcript(*(texts or ("Hello",)))))


async def first(answer: Answer, pieces: int) -> list[str]:
    """The first pieces of the answer, after which the client reads no more."""
    found: list[str] = []
    async with aclosing(cast("RunningAnswer", answer).stream()) as stream:
        async for item in stream:
            found.append(cast("Delta", item).text)
            if len(found) == pieces:
                break
    return found


async def rest(answer: Answer) -> list[str | Streamed | HeartlineError]:
    """All that comes of an answer, its end included; of text the text alone."""
    found: list[str | Streamed | HeartlineError] = []
    try:
        async for item in answer.stream():
            found.append(item.text if isinstance(item, Delta) else item)
    except HeartlineError as error:
        found.append(error)
    return found


# -- what is known afterwards ------------------------------------------------------------------------------------------


def events_of(heartline: System, session: str) -> list[SessionEvent]:
    """Everything that happened in the session."""
    return [logged.event for logged in heartline.log.read_session(session_id(OWNER, session), 0, 100_000)]


def kinds(events: Sequence[SessionEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def of_kind(heartline: System, session: str, kind: type[T]) -> list[T]:
    """The events of one kind in the session."""
    return [event for event in events_of(heartline, session) if isinstance(event, kind)]


async def path_texts(heartline: System, session: str) -> list[str]:
    """What is in view, as (role's first letter) and text: `u Hello`."""
    await heartline.follower.reached(heartline.log.last_position(), heartline.log.last_sequence())
    messages = heartline.models.conversation.messages(session_id(OWNER, session))
    return [f"{message.role[0]} {message.text}" for message in messages]


async def turn_is_open(heartline: System, session: str) -> bool:
    try:
        return (await heartline.log.load(session_id(OWNER, session))).open_turn is not None
    except NotFound:
        return False


# -- when --------------------------------------------------------------------------------------------------------------


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to happen."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("It did not happen.")


async def a_while() -> None:
    """Let everything happen that could."""
    await asyncio.sleep(0.03)


async def cancelled_at(places: Sequence[int], running: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose task is cancelled at these of the places where it waits, counted from 1."""
    return await _stepping(places, running)


@coroutine
def _stepping(places: Sequence[int], running: Coroutine[Any, Any, T]) -> Generator[Any, None, T]:
    error: BaseException | None = None
    for place in count(1):
        try:
            waiting = running.send(None) if error is None else running.throw(error)
        except StopIteration as done:
            return done.value
        error = None
        task = asyncio.current_task()
        if place in places and task is not None:
            task.cancel()
        try:
            yield waiting
        except asyncio.CancelledError as cancelled:
            error = cancelled
    raise AssertionError("counting has no end")
