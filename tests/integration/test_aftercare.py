"""What follows turns and imports in the background: missing vectors and emotions, and summaries when they are due."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from api.adapters.turn_locks import FileTurnLocks
from api.aftercare.missing import BATCH
from api.aftercare.summariser import Summariser
from api.aftercare.worker import Aftercare, AftercareParts
from domain.errors import NotFound, TurnAlreadyOpen, Unavailable
from domain.events import EmotionDetected, MessageReceived, SummaryWritten
from domain.records import Json
from domain.session import session_id
from tests.fakes_models import ScriptedModel, WordTokens
from tests.system import OWNER, Outside, Rules, System, read, system
from tests.turn_fakes import FlakyEncoder, PlannedLog, a_while, of_kind, system_text, turn_is_open, until

TEA = session_id(OWNER, "tea")
MANY = BATCH * 2 + 10


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


async def test_a_turn_is_noted_only_when_it_left_something(heartline: System, encoder: FlakyEncoder) -> None:
    await heartline.talk("tea", "Hello")
    assert heartline.aftercare.waiting == 0

    encoder.failing = True
    await heartline.talk("tea", "Is anybody there?")
    assert heartline.aftercare.waiting == 1


async def test_a_turn_is_noted_when_a_summary_may_be_due(heartline: System) -> None:
    for _ in range(2):
        await heartline.talk("tea", "Hello")
    assert heartline.aftercare.waiting == 0

    await heartline.talk("tea", "Hello")
    assert heartline.aftercare.waiting == 1


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


async def test_a_session_that_another_process_looks_after_is_left_to_it(
    parts: AftercareParts, heartline: System, encoder: FlakyEncoder
) -> None:
    await bring_in(heartline, 3)
    async with parts.locks.hold(parts.missing_vectors.care_of(TEA)):
        with pytest.raises(TurnAlreadyOpen):
            await Aftercare(parts).look_after(TEA)
    assert encoder.texts == []

    await Aftercare(parts).look_after(TEA)

    assert await missing(heartline, encoder) == []


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.fixture
def parts(heartline: System, model: ScriptedModel, tmp_path: Path) -> Iterator[AftercareParts]:
    """What a worker of one's own is made of, which tries again almost at once."""
    with closing(FileTurnLocks(tmp_path / "own.lock")) as locks:
        yield AftercareParts(
            log=heartline.log,
            follower=heartline.follower,
            locks=locks,
            perception=heartline.perception,
            remembered=heartline.remembered,
            summariser=Summariser(
                log=heartline.log,
                locks=locks,
                remembered=heartline.remembered,
                model=model,
                counter=WordTokens(),
                after_messages=4,
            ),
            again_seconds=0.01,
        )


class StandingStill(Summariser):
    """It says of every session that four messages are covered now; of coffee, that the disk is broken."""

    async def summarise_if_due(self, session: UUID) -> int:
        await asyncio.sleep(0)
        if session != TEA:
            raise sqlite3.OperationalError("disk I/O error")
        return 4


def standing_still(parts: AftercareParts) -> AftercareParts:
    own = parts.summariser
    return replace(
        parts,
        summariser=StandingStill(
            log=own.log,
            locks=own.locks,
            remembered=own.remembered,
            model=own.model,
            counter=own.counter,
            after_messages=4,
        ),
    )


@pytest.mark.parametrize(("table", "written"), [("emotions_wanted", 0), ("summaries", 1)])
async def test_behind_a_view_that_stopped_nothing_is_appended_again_and_again(
    heartline: System, table: str, written: int
) -> None:
    if table == "emotions_wanted":
        with heartline.models.views.write() as db:
            db.execute(f"DROP TABLE {table}")
    await bring_in(heartline, 8)
    await heartline.follower.caught_up()
    if table == "summaries":
        with heartline.models.views.write() as db:
            db.execute("CREATE TRIGGER no BEFORE INSERT ON summaries BEGIN SELECT RAISE(ABORT, 'no'); END")

    for _ in range(2):
        with pytest.raises(Unavailable, match="stopped"):
            await heartline.look_after("tea")

    assert len(of_kind(heartline, "tea", SummaryWritten)) == written


async def test_summaries_that_cover_no_more_than_before_come_to_an_end(
    heartline: System, parts: AftercareParts
) -> None:
    await bring_in(heartline, 3)

    async with asyncio.timeout(2):
        await Aftercare(standing_still(parts)).look_after(TEA)

    assert len(of_kind(heartline, "tea", EmotionDetected)) == 3


async def test_a_session_that_was_put_off_is_tried_again_by_itself(
    heartline: System, log: PlannedLog, parts: AftercareParts
) -> None:
    await bring_in(heartline, 3)
    log.will([Unavailable("The disk is full.")])
    worker = Aftercare(parts)
    worker.note(TEA)
    worker.start()

    await until(lambda: len(of_kind(heartline, "tea", EmotionDetected)) == 3)

    await worker.close()


async def test_a_broken_disk_does_not_end_the_worker(
    heartline: System, parts: AftercareParts, caplog: pytest.LogCaptureFixture
) -> None:
    await bring_in(heartline, 3)
    worker = Aftercare(standing_still(replace(parts, again_seconds=60)))
    worker.note(session_id(OWNER, "coffee"))
    worker.note(TEA)
    worker.start()

    await until(lambda: len(of_kind(heartline, "tea", EmotionDetected)) == 3)

    assert "aftercare put off: the disk or a database failed" in caplog.messages
    assert worker.waiting == 1
    await worker.close()
    assert worker.waiting == 0


async def test_a_long_answer_holds_up_its_own_session_only(heartline: System, parts: AftercareParts) -> None:
    await bring_in(heartline, 3)

    async with parts.locks.hold(TEA):
        with pytest.raises(TurnAlreadyOpen):
            async with asyncio.timeout(3):
                await Aftercare(parts).look_after(TEA)

    assert of_kind(heartline, "tea", EmotionDetected) == []
