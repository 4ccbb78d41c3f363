"""The event logs against their contract, and what only SQLite can be asked."""

import resource
import sqlite3
from collections.abc import AsyncIterator, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import pytest

from api.adapters.snapshots import SessionSnapshot
from api.adapters.sqlite_log import SqliteEventLog
from api.ports import EventLog
from api.verification import Damage, Fault
from domain.errors import Unavailable, UnreadableEvent
from tests.contracts.event_log_contract import (
    EventLogContract,
    SharedLogContract,
    drawn,
    everything,
    say,
    started,
    store,
    stored,
    versions,
)
from tests.drawings import png, sha256
from tests.fakes import MemoryEventLog, ReversingKeys


class TestMemoryEventLog(EventLogContract):
    @pytest.fixture
    async def log(self) -> AsyncIterator[EventLog]:
        log = MemoryEventLog()
        yield log
        await log.close()

    @contextmanager
    def out_of_space(self, log: EventLog) -> Generator[None]:
        cast("MemoryEventLog", log).full = True
        yield
        cast("MemoryEventLog", log).full = False


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


class TestSqliteEventLog(EventLogContract, SharedLogContract):
    @pytest.fixture
    async def log(self, file: Path) -> AsyncIterator[EventLog]:
        log = SqliteEventLog(file)
        yield log
        await log.close()

    @pytest.fixture
    async def other(self, log: EventLog, file: Path) -> AsyncIterator[EventLog]:
        other = SqliteEventLog(file)
        yield other
        await other.close()

    def opened_again(self) -> SqliteEventLog:
        return SqliteEventLog(self.file)

    @pytest.fixture(autouse=True)
    def _known(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def out_of_space(self, log: EventLog) -> Generator[None]:
        """No file of this process may grow above 64 KiB: real writes fail as on a full disk, for root too."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
async def log(file: Path) -> AsyncIterator[SqliteEventLog]:
    log = SqliteEventLog(file, snapshot_after_events=10)
    yield log
    await log.close()


def change(file: Path, statement: str, *parameters: object) -> None:
    """Change the file behind the log's back."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(statement, parameters)


def count(file: Path, table: str) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


async def test_a_position_is_never_given_twice(log: SqliteEventLog, file: Path) -> None:
    session = await stored(log, "one", "two")
    change(file, "DELETE FROM stored_events WHERE originator_id = ?", session.id.hex)

    assert log.last_position() == 0
    assert await store(log, started()) == [4]


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"unable to open database file \(events.sqlite\)"):
        SqliteEventLog(tmp_path / "no such directory" / "events.sqlite")


async def test_a_file_of_a_newer_heartline_is_unavailable(log: SqliteEventLog, file: Path) -> None:
    await log.close()
    change(file, "PRAGMA user_version = 99")

    with pytest.raises(Unavailable, match="newer Heartline"):
        SqliteEventLog(file)


def test_a_file_of_another_program_is_unavailable_and_left_as_it_is(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE stored_events (originator_id TEXT)")

    with pytest.raises(Unavailable, match="tables of another program"):
        SqliteEventLog(file)

    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("stored_events",)]


async def test_pictures_are_sealed_as_events_are(file: Path) -> None:
    log = SqliteEventLog(file, keys=ReversingKeys())
    session = started()
    await log.append(session.id, 0, session.collect(), pictures=[drawn(png())])
    read = log.read_image(sha256(png()))
    await log.close()

    with closing(sqlite3.connect(file)) as db:
        ((content, owner),) = db.execute("SELECT content, session FROM images").fetchall()
    assert (read, content, owner) == (png(), png()[::-1], session.id.hex)


async def test_a_closed_log_cannot_be_read(log: SqliteEventLog) -> None:
    await log.close()

    with pytest.raises(Unavailable):
        log.read(0, 10)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("topic", "session.from-the-future"),
        ("state", b"gone"),
        ("state", bytes(16) + b"[]"),
        ("created", "some day"),
    ],
)
async def test_a_row_that_is_no_event_is_named_by_its_position(
    log: SqliteEventLog, file: Path, column: str, value: object
) -> None:
    session = await stored(log, "one", "two", "three")
    change(file, f"UPDATE stored_events SET {column} = ? WHERE originator_version = 3", value)

    with pytest.raises(UnreadableEvent) as whole:
        log.read(0, 10)
    with pytest.raises(UnreadableEvent) as own:
        log.read_session(session.id, 0, 10)

    assert (whole.value.position, own.value.position) == (3, 3)
    assert [logged.position for logged in [*log.read(0, 2), *log.read(3, 9)]] == [1, 2, 4]
    again = SqliteEventLog(file)
    with pytest.raises(Unavailable):
        await again.load(session.id)
    await again.close()


# chain


@pytest.mark.parametrize(
    ("column", "damage"),
    [
        ("state", "changed"),
        ("digest", "changed"),
        ("chain", "misplaced"),
        ("created", "misplaced"),
        ("topic", "misplaced"),
    ],
)
async def test_a_changed_row_breaks_the_chain_at_its_version(
    log: SqliteEventLog, file: Path, column: str, damage: Damage
) -> None:
    session = await stored(log, "one", "two", "three")
    value = "session.erased" if column == "topic" else "2026-03-01T12:30:00+00:00" if column == "created" else bytes(32)

    change(file, f"UPDATE stored_events SET {column} = ? WHERE originator_version = 3", value)

    assert log.check(session.id).fault == Fault(version=3, damage=damage)


async def test_a_removed_row_breaks_the_chain_behind_it(log: SqliteEventLog, file: Path) -> None:
    session = await stored(log, "one", "two", "three")

    change(file, "DELETE FROM stored_events WHERE originator_version = 3")

    assert log.check(session.id).fault == Fault(version=3, damage="missing")


async def test_a_broken_first_payload_breaks_the_chain_at_once(log: SqliteEventLog, file: Path) -> None:
    session = await stored(log, "one")

    change(file, "UPDATE stored_events SET state = ? WHERE originator_version = 1", b"gone")

    assert log.check(session.id).fault == Fault(version=1, damage="changed")


async def test_a_parent_whose_history_was_rewritten_breaks_the_chain_of_its_fork(
    log: SqliteEventLog, file: Path
) -> None:
    parent = await stored(log, "one")
    fork = parent.fork("fork")
    await store(log, fork)

    change(file, "UPDATE stored_events SET chain = ? WHERE originator_id = ?", bytes(32), parent.id.hex)

    assert log.check(fork.id).fault == Fault(version=3, damage="misplaced")


# snapshots


async def test_a_long_replay_leaves_one_snapshot_for_the_next_load(log: SqliteEventLog, file: Path) -> None:
    session = await stored(log, *(f"text {number}" for number in range(20)))
    await log.load(session.id)
    await log.add_vectors([])  # queued behind the snapshot
    assert count(file, "snapshots") == 1
    change(file, "DELETE FROM stored_events WHERE originator_version < 21")

    again = SqliteEventLog(file)

    assert await again.load(session.id) == session
    await again.close()


async def test_a_newer_snapshot_takes_the_place_of_the_older(log: SqliteEventLog, file: Path) -> None:
    session = await stored(log, *(f"text {number}" for number in range(20)))
    await log.load(session.id)
    say(session, *(f"more {number}" for number in range(20)))
    await store(log, session)

    again = SqliteEventLog(file, snapshot_after_events=10)
    await again.load(session.id)
    await again.close()

    assert count(file, "snapshots") == 1
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT originator_version FROM snapshots").fetchone() == (41,)


async def test_an_earlier_version_is_loaded_in_spite_of_a_snapshot(log: SqliteEventLog) -> None:
    session = await stored(log, *(f"text {number}" for number in range(20)))
    await log.load(session.id)
    await log.add_vectors([])

    assert (await log.load(session.id, 5)).version == 5


async def test_a_snapshot_of_another_form_is_not_looked_at(log: SqliteEventLog, file: Path) -> None:
    session = await stored(log, *(f"text {number}" for number in range(20)))
    await log.load(session.id)
    await log.add_vectors([])
    change(file, "UPDATE snapshots SET topic = 'session.snapshot.old', state = ?", b"of another form")

    again = SqliteEventLog(file)

    assert await again.load(session.id) == session
    assert SessionSnapshot.TOPIC != "session.snapshot.old"
    await again.close()


async def test_a_snapshot_that_cannot_be_stored_does_not_disturb_the_load(
    log: SqliteEventLog, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = await stored(log, *(f"text {number}" for number in range(20)))
    change(file, "CREATE TRIGGER refuse BEFORE INSERT ON snapshots BEGIN SELECT raise(ABORT, 'no'); END")

    assert await log.load(session.id) == session

    await log.close()
    assert caplog.messages == ["a snapshot could not be stored"]


async def test_short_replays_leave_no_snapshot(log: SqliteEventLog, file: Path) -> None:
    session = await stored(log, "one")
    await log.load(session.id)
    await log.add_vectors([])

    assert count(file, "snapshots") == 0
    assert versions(everything(log)) == [1, 2]
