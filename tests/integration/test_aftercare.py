"""What follows turns and imports in the background: missing vectors and emotions, and summaries when they are due."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from api.aftercare.worker import BATCH
from domain.errors import NotFound, Unavailable
from domain.events import EmotionDetected, MessageReceived, SummaryWritten
from domain.records import Json
from domain.session import session_id
from tests.fakes_models import ScriptedModel
from tests.system import OWNER, Outside, Rules, System, read, system
from tests.turn_fakes import FlakyEncoder, PlannedLog, a_while, of_kind, system_text, turn_is_open, until

TEA = session_id(OWNER, "tea")
MANY = BATCH * 2 + 10


@pytest.fixture
def log() -> PlannedLog:
    return PlannedLog()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def encoder() -> FlakyEncoder:
    return FlakyEncoder()


@pytest.fixture
async def heartline(
    tmp_path: Path, log: PlannedLog, model: ScriptedModel, encoder: FlakyEncoder
) -> AsyncGenerator[System, None]:
    outside = Outside(log=log, model=model, encoder=encoder)
    async with system(tmp_path, outside=outside, rules=Rules(summarise_after=4)) as built:
        yield built


async def bring_in(heartline: System, count: int = MANY) -> None:
    messages: list[Json] = [{"role": "user", "text": f"Message {number}"} for number in range(count)]
    await heartline.archive.import_(OWNER, {"messages": messages}, "tea")


async def missing(heartline: System, encoder: FlakyEncoder) -> list[int]:
    """Versions that still lack a vector or an emotion."""
    await heartline.follower.reached(heartline.log.last_position(), heartline.log.last_sequence())
    vectors = heartline.models.vectors.missing(TEA, encoder.id)
    return [*vectors, *heartline.models.emotions.missing(TEA)]


# -- what it does ------------------------------------------------------------------------------------------------------


async def test_an_import_is_read_in_batches_with_progress(heartline: System, encoder: FlakyEncoder) -> None:
    await bring_in(heartline)
    told: list[tuple[int, int]] = []

    await heartline.aftercare.look_after(TEA, lambda done, of: told.append((done, of)))

    assert told == [(BATCH, MANY), (BATCH * 2, MANY), (MANY, MANY)]
    assert heartline.models.emotions.missing(TEA) == []
    assert len(of_kind(heartline, "tea", EmotionDetected)) == MANY


async def test_everything_that_may_be_recalled_gets_its_vector(heartline: System, encoder: FlakyEncoder) -> None:
    await read(await heartline.ask("tea", system_text("Be kind."), heartline.said("Hello")))
    await bring_in_talk(heartline)

    await heartline.look_after("tea")
    assert of_kind(heartline, "tea", SummaryWritten)
    await heartline.look_after("tea")

    assert await missing(heartline, encoder) == []


async def bring_in_talk(heartline: System) -> None:
    await heartline.talk("tea", "One", "Two", "Three", "Four")


async def test_what_was_read_already_is_not_read_again(heartline: System, encoder: FlakyEncoder) -> None:
    await heartline.talk("tea", "Hello")
    encoder.texts.clear()

    await heartline.look_after("tea")

    assert encoder.texts == []
    assert len(of_kind(heartline, "tea", EmotionDetected)) == 2


async def test_emotions_are_read_though_the_encoder_fails_and_vectors_follow(
    heartline: System, encoder: FlakyEncoder
) -> None:
    encoder.failing = True
    await bring_in(heartline, 3)
    await heartline.look_after("tea")
    assert await missing(heartline, encoder) == [2, 3, 4]

    encoder.failing = False
    await heartline.look_after("tea")

    assert await missing(heartline, encoder) == []
    assert len(of_kind(heartline, "tea", EmotionDetected)) == 3


async def test_an_emotion_that_somebody_else_noted_meanwhile_is_not_noted_twice(
    heartline: System, log: PlannedLog
) -> None:
    await bring_in(heartline, 3)

    await asyncio.gather(heartline.look_after("tea"), heartline.look_after("tea"))

    assert len(of_kind(heartline, "tea", EmotionDetected)) == 3


async def test_a_conflict_is_decided_again(heartline: System, log: PlannedLog) -> None:
    await bring_in(heartline, 3)
    other = await log.load(TEA)
    other.receive(turn=None, instructions=[system_text("Be kind.")])
    slow = asyncio.Event()
    log.will([slow])

    looking = asyncio.create_task(heartline.look_after("tea"))
    await until(lambda: heartline.log.last_sequence() == 3)
    await a_while()
    log.will()
    await log.append(TEA, 4, other.collect())
    slow.set()
    await looking

    assert len(of_kind(heartline, "tea", EmotionDetected)) == 3


async def test_it_waits_for_a_turn_to_end_before_it_appends(heartline: System, model: ScriptedModel) -> None:
    await bring_in(heartline, 3)
    go_on = asyncio.Event()
    model.will("Hello", go_on)
    answer = await heartline.ask("tea", heartline.said("Hello"))

    looking = asyncio.create_task(heartline.look_after("tea"))
    await a_while()
    assert not looking.done()
    assert await turn_is_open(heartline, "tea")

    go_on.set()
    await read(answer)
    await looking
    received = {event.originator_version for event in of_kind(heartline, "tea", MessageReceived)}
    assert received <= {event.of for event in of_kind(heartline, "tea", EmotionDetected)}


async def test_a_session_that_is_not_there_needs_nothing(heartline: System) -> None:
    await heartline.look_after("nothing")

    assert heartline.log.last_position() == 0
    with pytest.raises(NotFound):
        await heartline.log.load(session_id(OWNER, "nothing"))


# -- the worker --------------------------------------------------------------------------------------------------------


async def test_the_worker_looks_after_each_session_that_it_is_told_of(heartline: System) -> None:
    heartline.aftercare.start()
    await bring_in(heartline, 6)

    await until(lambda: of_kind(heartline, "tea", SummaryWritten))

    assert heartline.aftercare.waiting == 0


async def test_a_session_noted_twice_waits_once(heartline: System) -> None:
    heartline.aftercare.note(TEA)
    heartline.aftercare.note(TEA)
    heartline.aftercare.note(session_id(OWNER, "coffee"))

    assert heartline.aftercare.waiting == 2


async def test_a_session_that_cannot_be_looked_after_does_not_stop_the_worker(
    heartline: System, log: PlannedLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    log.will([], [Unavailable("The disk is full.")])
    heartline.aftercare.start()
    await bring_in(heartline, 3)
    await until(lambda: "aftercare put off: unavailable" in caplog.messages)

    await heartline.talk("tea", "Hello")

    await until(lambda: len(of_kind(heartline, "tea", EmotionDetected)) == 5)


async def test_the_worker_stops_at_once(heartline: System, encoder: FlakyEncoder) -> None:
    heartline.aftercare.start()
    await bring_in(heartline)

    await heartline.aftercare.close()
    before = len(encoder.texts)
    await a_while()

    assert len(encoder.texts) == before
