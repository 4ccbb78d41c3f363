"""The follower on real files: rows and checkpoints commit together, waiters are served at once, poison stays local."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from domain.errors import Unavailable
from domain.events import MessageReceived
from projections.follower import SMALL_BATCH, Follower
from projections.ports import LoggedEvent
from projections.read_models import ReadModels, bring_up
from projections.replacement import Replacement
from tests.builders import SessionBuilder, vector
from tests.fakes import MemoryEventLog
from tests.fakes_log import DamagedLog, LogExcerpt
from tests.world import World


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[World]:
    with closing(World(tmp_path)) as world:
        world.follower.start()
        yield world
        await asyncio.to_thread(world.follower.close)


class Picky:
    """A view of how many events there were, that cannot take in one kind of text."""

    name = "picky"
    schema = ("CREATE TABLE picky (position INTEGER PRIMARY KEY)",)
    poison: str | None = "poison"

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        db.execute("INSERT INTO picky VALUES (?)", (logged.position,))
        if isinstance(logged.event, MessageReceived) and logged.event.text == self.poison:
            raise ValueError("cannot take this in")


def follow(models: ReadModels, log: MemoryEventLog, picky: Picky) -> Follower:
    nothing_new = Replacement(models.views, lambda file: bring_up(log, file))
    return Follower(log, models.views, [picky, *models.all()], models.vectors, nothing_new)


def applied(models: ReadModels) -> list[int]:
    return [position for (position,) in models.views.read().execute("SELECT position FROM picky ORDER BY position")]


# -- read your writes --------------------------------------------------------------------------------------------------


async def test_what_was_appended_is_visible_once_its_position_is_reached(running: World) -> None:
    chat = SessionBuilder()
    for n in range(50):
        version = chat.say(f"message {n}")
        await running.follower.reached(await chat.store(running.log))

        assert running.models.conversation.path(chat.id)[-1] == version


async def test_a_vector_is_visible_once_its_sequence_is_reached(running: World) -> None:
    chat = SessionBuilder()
    version = chat.say()
    position = await chat.store(running.log)
    await running.log.add_vectors([vector(chat.id, version)])

    await running.follower.reached(position, running.log.last_sequence())

    assert [row.version for row in running.models.vectors.rows(chat.id, "test")] == [version]


async def test_waiting_for_what_is_there_already_takes_no_time(running: World) -> None:
    chat = SessionBuilder()
    position = await chat.store(running.log)
    await running.follower.reached(position)

    started = monotonic()
    await asyncio.gather(*(running.follower.reached(position) for _ in range(100)))

    assert monotonic() - started < 0.1


async def test_waiters_of_other_event_loops_are_served_too(running: World) -> None:
    chat = SessionBuilder()
    chat.say()
    waiting = asyncio.to_thread(asyncio.run, running.follower.reached(2))

    await chat.store(running.log)

    await asyncio.wait_for(waiting, timeout=5)


async def test_a_waiter_that_gave_up_hinders_nobody(running: World) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running.follower.reached(1), timeout=0.01)

    await running.follower.reached(await SessionBuilder().store(running.log))

    assert running.follower.status().healthy


async def test_who_still_waits_at_the_end_is_told_so(tmp_path: Path) -> None:
    with closing(World(tmp_path)) as world:
        world.follower.start()
        waiting = asyncio.create_task(world.follower.reached(99))
        await asyncio.sleep(0.01)

        await asyncio.to_thread(world.follower.close)

        with pytest.raises(Unavailable):
            await waiting
        with pytest.raises(Unavailable):
            await world.follower.reached(99)


async def test_having_caught_up_everything_that_was_appended_is_visible(running: World) -> None:
    chat = SessionBuilder()
    version = chat.say()
    await chat.store(running.log)
    await running.log.add_vectors([vector(chat.id, version)])

    await running.follower.caught_up()

    assert running.models.conversation.path(chat.id) == [version]
    assert [row.version for row in running.models.vectors.rows(chat.id, "test")] == [version]


async def test_having_caught_up_with_a_session_its_events_are_visible(running: World) -> None:
    chat, other = SessionBuilder(), SessionBuilder(external_id="other")
    version = chat.say()
    await chat.store(running.log)

    await running.follower.caught_up_with(chat.id, version)
    await running.follower.caught_up_with(other.id, 0)

    assert running.models.conversation.path(chat.id) == [version]


async def test_a_session_that_was_followed_lately_is_known_without_waiting(tmp_path: Path) -> None:
    with closing(World(tmp_path)) as world:
        chat = SessionBuilder()
        version = chat.say()
        await world.see(chat)
        await SessionBuilder(external_id="other").store(world.log)
        world.follower.close()

        await world.follower.caught_up_with(chat.id, version)

        with pytest.raises(Unavailable):
            await world.follower.caught_up()


# -- catching up -------------------------------------------------------------------------------------------------------


async def test_catching_up_tells_how_far_it_is(tmp_path: Path) -> None:
    chat, told = SessionBuilder(), list[tuple[int, int]]()
    for n in range(2500):
        chat.say(str(n))
    with closing(World(tmp_path)) as world:
        last = await chat.store(world.log)

        world.follower.catch_up(lambda position, end: told.append((position, end)))

        assert told == [(1000, last), (2000, last), (last, last)]
        assert world.follower.status().lag == 0


async def test_batches_are_small_while_somebody_waits(tmp_path: Path) -> None:
    chat, sizes = SessionBuilder(), list[int]()
    for n in range(300):
        chat.say(str(n))
    with closing(World(tmp_path)) as world:
        await chat.store(world.log)
        waiting = asyncio.create_task(world.follower.reached(10))
        await asyncio.sleep(0)

        world.follower.catch_up(lambda position, _: sizes.append(position))
        await waiting

        assert sizes[0] == SMALL_BATCH


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    chat, picky = SessionBuilder(), Picky()
    log = MemoryEventLog()
    chat.say("one")
    await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follow(models, log, picky).catch_up()
    chat.say("two")
    last = await chat.store(log)

    with closing(ReadModels.open(tmp_path / "views")) as models:
        follower = follow(models, log, picky)
        before = follower.position
        follower.catch_up()

        assert (before, follower.position) == (last - 1, last)
        assert applied(models) == [1, 2, 3]
        assert models.conversation.path(chat.id) == chat.path


async def test_nothing_of_a_batch_is_kept_when_its_commit_fails(tmp_path: Path) -> None:
    chat = SessionBuilder()
    chat.say()
    with closing(World(tmp_path)) as world:
        await chat.store(world.log)
        with world.models.views.write() as db:
            db.execute("CREATE TRIGGER full BEFORE INSERT ON checkpoints BEGIN SELECT RAISE(ABORT, 'no'); END")
        with pytest.raises(sqlite3.IntegrityError):
            world.follower.catch_up()
        assert (world.follower.position, world.models.conversation.path(chat.id)) == (0, [])
        with world.models.views.write() as db:
            db.execute("DROP TRIGGER full")

        world.follower.catch_up()

        assert world.models.conversation.path(chat.id) == chat.path


# -- what goes wrong ---------------------------------------------------------------------------------------------------


async def test_an_event_that_a_view_cannot_apply_stops_that_view_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat, log, picky = SessionBuilder(), MemoryEventLog(), Picky()
    for text in ("fine", "poison", "fine too"):
        chat.say(text)
    await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follower = follow(models, log, picky)

        with caplog.at_level(logging.ERROR):
            follower.catch_up()
            chat.say("later")
            await chat.store(log)
            follower.catch_up()

        stopped = follower.status().views[0]
        assert (stopped.position, stopped.stopped_at, stopped.error) == (2, 3, "ValueError")
        assert applied(models) == [1, 2]
        assert models.conversation.path(chat.id) == chat.path
        assert follower.position == log.last_position()
        assert not follower.status().healthy
        assert [record.getMessage() for record in caplog.records] == ["view picky stopped: it cannot apply an event"]
        assert "poison" not in caplog.text


async def test_a_stopped_view_goes_on_at_the_next_start_when_it_can(tmp_path: Path) -> None:
    chat, log, picky = SessionBuilder(), MemoryEventLog(), Picky()
    for text in ("fine", "poison", "fine too"):
        chat.say(text)
    last = await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follow(models, log, picky).catch_up()
        picky.poison = None

        follower = follow(models, log, picky)
        follower.catch_up()

        assert applied(models) == [1, 2, 3, 4]
        assert models.conversation.path(chat.id) == chat.path
        assert follower.position == last
        assert all(view.stopped_at is None for view in follower.status().views)


async def test_a_log_that_ends_earlier_than_the_views_makes_them_anew(tmp_path: Path) -> None:
    chat, log = SessionBuilder(), MemoryEventLog()
    chat.say("kept")
    kept = await chat.store(log)
    chat.say("lost")
    await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        models.follow(log).catch_up()

        restored = LogExcerpt(log, kept)
        follower = models.follow(restored)
        follower.start()
        await follower.reached(kept)
        await asyncio.to_thread(follower.close)

        assert follower.position == len(restored.read_session(chat.id, 0, 9)) == kept
        assert [message.text for message in models.conversation.messages(chat.id)] == ["kept"]


async def test_a_log_that_tells_something_else_at_the_checkpoint_makes_the_views_anew(tmp_path: Path) -> None:
    lost, other = SessionBuilder("lost"), SessionBuilder("other")
    log, restored = MemoryEventLog(), MemoryEventLog()
    lost.say("lost")
    other.say("instead")
    other.say("and more")
    await lost.store(log)
    await other.store(restored)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        models.follow(log).catch_up()

        models.follow(restored).catch_up()

        assert models.conversation.path(lost.id) == []
        assert models.conversation.path(other.id) == other.path


class Startled(Picky):
    """A view that cannot do it the first time."""

    startled = True

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        super().apply(db, logged)
        if self.startled:
            self.startled = False
            raise TimeoutError


async def test_a_view_that_can_apply_the_events_one_by_one_goes_on(tmp_path: Path) -> None:
    log, chat = MemoryEventLog(), SessionBuilder()
    chat.say()
    await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follower = follow(models, log, Startled())

        follower.catch_up()

        assert applied(models) == [1, 2]
        assert follower.status().views[0].stopped_at is None


class Failing(MemoryEventLog):
    """A log that does not answer once."""

    failing = False

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        if self.failing:
            self.failing = False
            raise Unavailable("The log does not answer.")
        return super().read(after, limit)


async def test_a_log_that_does_not_answer_is_asked_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log, chat = Failing(), SessionBuilder()
    position = await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follower = models.follow(log)
        log.failing = True
        follower.start()

        await asyncio.wait_for(follower.reached(position), timeout=5)
        await asyncio.to_thread(follower.close)

        assert models.catalogue.by_id(chat.id) is not None
        assert [record.getMessage() for record in caplog.records] == ["the follower cannot go on, trying again"]


class FullDisk(Picky):
    """A view on a machine whose disk is full for a while."""

    full = True

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        if self.full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        super().apply(db, logged)


async def test_a_full_disk_is_not_the_events_fault(tmp_path: Path) -> None:
    log, view = MemoryEventLog(), FullDisk()
    await SessionBuilder().store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follower = follow(models, log, view)
        with pytest.raises(sqlite3.OperationalError):
            follower.catch_up()
        view.full = False

        follower.catch_up()

        assert applied(models) == [1]
        assert follower.status().views[0].stopped_at is None


async def damaged_log(chat: SessionBuilder, *, damaged: int) -> DamagedLog:
    """A log of the chat's beginning and 100 messages."""
    log = DamagedLog()
    for n in range(100):
        chat.say(str(n))
    await chat.store(log)
    log.damaged = damaged
    return log


async def test_before_an_event_that_cannot_be_read_every_view_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat = SessionBuilder()
    log = await damaged_log(chat, damaged=40)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follower = models.follow(log)

        follower.catch_up()
        follower.catch_up()

        status = follower.status()
        assert {(view.position, view.stopped_at, view.error) for view in status.views} == {(39, 40, "It is damaged.")}
        assert (status.position, status.lag) == (39, log.last_position() - 39)
        assert models.conversation.path(chat.id) == chat.path[:38]
        assert [record.getMessage() for record in caplog.records] == [
            "the views stopped: the log holds what is no event"
        ]


async def test_who_waits_for_what_is_behind_an_unreadable_event_is_told_so(tmp_path: Path) -> None:
    chat = SessionBuilder()
    log = await damaged_log(chat, damaged=40)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follower = models.follow(log)
        waiting = asyncio.create_task(follower.reached(101))
        before = asyncio.create_task(follower.reached(39))
        await asyncio.sleep(0)
        follower.start()

        with pytest.raises(Unavailable, match="position 40"):
            await asyncio.wait_for(waiting, timeout=5)
        with pytest.raises(Unavailable, match="position 40"):
            await asyncio.wait_for(follower.caught_up(), timeout=5)
        await asyncio.wait_for(before, timeout=5)
        await log.add_vectors([vector(chat.id, chat.path[0])])
        await asyncio.wait_for(follower.reached(39, 1), timeout=5)

        assert follower.status().running
        await asyncio.to_thread(follower.close)


async def test_views_go_on_at_the_next_start_when_the_event_can_be_read_again(tmp_path: Path) -> None:
    chat = SessionBuilder()
    log = await damaged_log(chat, damaged=40)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        models.follow(log).catch_up()
        log.damaged = None

        follower = models.follow(log)
        follower.catch_up()

        assert follower.status().position == log.last_position()
        assert all(view.stopped_at is None for view in follower.status().views)
        assert models.conversation.path(chat.id) == chat.path


async def test_only_a_view_that_is_behind_stops_at_an_event_that_became_unreadable(tmp_path: Path) -> None:
    chat, picky = SessionBuilder(), Picky()
    log = await damaged_log(chat, damaged=40)
    log.damaged, picky.poison = None, "20"
    with closing(ReadModels.open(tmp_path / "views")) as models:
        follow(models, log, picky).catch_up()
        log.damaged, picky.poison = 40, None

        follower = follow(models, log, picky)
        follower.catch_up()
        chat.say("later")
        last = await chat.store(log)
        follower.catch_up()

        stopped = [(view.name, view.stopped_at) for view in follower.status().views if view.stopped_at is not None]
        assert stopped == [("picky", 40)]
        assert follower.position == last
        assert models.conversation.path(chat.id) == chat.path


async def test_views_that_end_at_an_event_that_became_unreadable_are_kept(tmp_path: Path) -> None:
    chat = SessionBuilder()
    log = await damaged_log(chat, damaged=101)
    log.damaged = None
    with closing(ReadModels.open(tmp_path / "views")) as models:
        models.follow(log).catch_up()
        log.damaged = 101

        assert models.follow(log).position == 101
