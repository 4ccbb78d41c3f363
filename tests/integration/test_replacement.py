"""Views that are made anew take the place of those in use while these are read."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from projections.read_models import ReadModels
from projections.rebuild import offer, rebuild
from projections.remembered import Remembered
from tests.builders import SessionBuilder
from tests.fakes import MemoryEventLog
from tests.fakes_log import DamagedLog
from tests.integration.test_rebuild import every_row
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as world:
        yield world


def offered(world: World) -> Path:
    """Views made anew from the world's log, waiting for its follower."""
    made = world.models.views.file.with_name("made.sqlite3")
    rebuild(world.log, made)
    return offer(made, world.models.views.file)


async def test_damaged_rows_give_way_to_new_ones_and_nothing_of_them_is_kept(world: World) -> None:
    chat, remembered = SessionBuilder(), Remembered(world.models)
    hello = chat.say("Hello")
    await world.see(chat)
    whole = every_row(world.models)
    with world.models.views.write() as db:
        db.execute("UPDATE messages SET text = 'damaged'")
    assert remembered.messages(chat.id, [hello])[hello].text == "damaged"

    waiting = offered(world)
    world.follower.catch_up()

    assert every_row(world.models) == whole
    assert remembered.messages(chat.id, [hello])[hello].text == "Hello"
    assert not list(waiting.parent.glob("*.rebuilt*"))


async def test_what_was_said_since_is_in_the_new_rows_before_anybody_reads_them(world: World) -> None:
    chat = SessionBuilder()
    chat.say("one")
    await world.see(chat)
    waiting = offered(world)
    chat.say("two")
    await chat.store(world.log)
    seen = list[list[int]]()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(world.models.conversation.path(chat.id))

    world.follower.start()
    reader = threading.Thread(target=read)
    reader.start()
    await world.follower.caught_up()
    while waiting.exists():
        await world.follower.caught_up()
    stop.set()
    reader.join()
    world.follower.close()

    lengths = [len(path) for path in seen]
    assert lengths == sorted(lengths)  # never back to fewer
    assert world.models.conversation.path(chat.id) == chat.path


async def test_a_view_that_had_stopped_goes_on_with_the_new_rows(world: World) -> None:
    chat = SessionBuilder()
    chat.say("one")
    await world.see(chat)
    with world.models.views.write() as db:
        db.execute("DROP TABLE messages")
    chat.say("two")
    await world.see(chat)
    assert not all(view.stopped_at is None for view in world.follower.status().views)

    offered(world)
    world.follower.catch_up()

    assert all(view.stopped_at is None for view in world.follower.status().views)
    assert world.models.conversation.path(chat.id) == chat.path


async def test_they_are_looked_for_where_the_views_lie_by_now(tmp_path: Path) -> None:
    here, there = tmp_path / "here" / "views.sqlite3", tmp_path / "there" / "views.sqlite3"
    log, chat = MemoryEventLog(), SessionBuilder()
    chat.say("one")
    await chat.store(log)
    with closing(ReadModels.open(here, again=lambda: there)) as models:
        follower = models.follow(log)
        follower.catch_up()
        here.unlink()
        follower.catch_up()
        rebuild(log, tmp_path / "made")
        waiting = offer(tmp_path / "made", there)

        follower.catch_up()

        assert models.views.file == there
        assert not waiting.exists()
        assert models.conversation.path(chat.id) == chat.path


async def test_a_damaged_file_is_thrown_away_and_the_old_rows_stay(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    chat = SessionBuilder()
    chat.say("one")
    await world.see(chat)
    waiting = offered(world)
    waiting.write_bytes(waiting.read_bytes()[:4096] + b"\xff" * 8192)

    world.follower.catch_up()

    assert world.models.conversation.path(chat.id) == chat.path
    assert not waiting.exists()
    assert "cannot be used" in caplog.text


async def test_views_of_another_version_wait_and_are_spoken_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = offered(world)
    with closing(sqlite3.connect(waiting)) as other:
        other.execute("PRAGMA user_version = 7")

    world.follower.catch_up()
    world.follower.catch_up()

    assert waiting.exists()
    assert caplog.text.count("another version") == 1


async def test_a_log_that_cannot_be_read_to_its_end_leaves_the_old_rows(tmp_path: Path) -> None:
    log, chat = DamagedLog(), SessionBuilder()
    chat.say("one")
    chat.say("two")
    await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views.sqlite3")) as models:
        follower = models.follow(log)
        follower.catch_up()
        ReadModels.open(tmp_path / "made").close()
        with closing(ReadModels.open(tmp_path / "made")) as made:
            made.follow(log)  # makes the tables
        waiting = offer(tmp_path / "made", models.views.file)
        log.damaged = 2

        follower.catch_up()

        assert models.conversation.path(chat.id) == chat.path
        assert not waiting.exists()
