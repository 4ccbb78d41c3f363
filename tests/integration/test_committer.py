"""The one writer of a process, on a real file."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread, Timer

import pytest
from eventsourcing.persistence import ConnectionPoolClosedError, IntegrityError, OperationalError, PersistenceError

from api.adapters.committer import Committer, Work
from api.adapters.log_recorder import LogCursor
from api.adapters.sqlite_datastore import LogDatastore, connect


class Commits:
    """Counts commits."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[LogDatastore]:
    datastore = LogDatastore(tmp_path / "numbers.sqlite", lock_timeout_seconds=0.05)
    with datastore.transaction(commit=True) as cursor:
        cursor.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
    yield datastore
    datastore.close()


@pytest.fixture
def committer(datastore: LogDatastore, commits: Commits) -> Iterator[Committer]:
    committer = Committer(datastore, commits)
    yield committer
    committer.close()


def insert(number: object) -> Work[object]:
    def work(cursor: LogCursor) -> object:
        cursor.execute("INSERT INTO numbers VALUES (?)", (number,))
        return number

    return work


def numbers(datastore: LogDatastore) -> list[int]:
    with datastore.transaction(commit=False) as cursor:
        cursor.execute("SELECT number FROM numbers ORDER BY number")
        return [row["number"] for row in cursor.fetchall()]


def holding(entered: Event, release: Event) -> Work[None]:
    """Work that keeps the committer busy until it is released."""

    def work(_: LogCursor) -> None:
        entered.set()
        release.wait(10)

    return work


async def test_those_who_wait_at_the_same_time_share_a_commit(
    committer: Committer, datastore: LogDatastore, commits: Commits
) -> None:
    entered, release = Event(), Event()
    held = committer.submit(holding(entered, release))
    entered.wait(10)
    waiting = [committer.submit(insert(number)) for number in range(20)]
    release.set()

    assert [future.result(10) for future in waiting] == list(range(20))
    assert held.result(10) is None
    assert commits.count == 2
    assert numbers(datastore) == list(range(20))


@pytest.mark.parametrize(
    ("bad", "error"), [(1, IntegrityError), ({"not": "a number"}, PersistenceError), (2**70, PersistenceError)]
)
async def test_what_is_its_own_fault_fails_alone(
    committer: Committer, datastore: LogDatastore, bad: object, error: type[Exception]
) -> None:
    entered, release = Event(), Event()
    held = committer.submit(holding(entered, release))
    entered.wait(10)
    good, failing, after = (committer.submit(insert(number)) for number in (1, bad, 3))
    release.set()

    assert (held.result(10), good.result(10), after.result(10)) == (None, 1, 3)
    with pytest.raises(error):
        failing.result(10)
    assert numbers(datastore) == [1, 3]


async def test_an_unknown_error_fails_its_batch_and_the_next_one_is_written(
    committer: Committer, datastore: LogDatastore, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(_: LogCursor) -> None:
        raise KeyError("a mistake in the program")

    with pytest.raises(OperationalError, match="writer of the event log failed"):
        await committer.run(mistaken)

    assert await committer.run(insert(1)) == 1
    assert numbers(datastore) == [1]
    assert "the committer met an error it does not know" in caplog.messages


async def test_work_taken_back_before_its_batch_began_is_not_done(
    committer: Committer, datastore: LogDatastore
) -> None:
    entered, release = Event(), Event()
    held = asyncio.create_task(committer.run(holding(entered, release)))
    await asyncio.to_thread(entered.wait, 10)
    first, second = (asyncio.create_task(committer.run(insert(number))) for number in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    release.set()

    assert await second == 2
    await held
    assert first.cancelled()
    assert numbers(datastore) == [2]


def test_it_serves_several_loops_and_outlives_a_closed_one(committer: Committer, datastore: LogDatastore) -> None:
    entered, release = Event(), Event()

    async def leave() -> None:
        asyncio.ensure_future(committer.run(holding(entered, release)))  # noqa: RUF006  # left behind on purpose
        await asyncio.to_thread(entered.wait, 10)

    asyncio.run(leave())
    release.set()

    assert asyncio.run(committer.run(insert(1))) == 1
    assert numbers(datastore) == [1]


async def test_a_file_locked_by_another_process_fails_the_batch_and_can_be_written_later(
    committer: Committer, datastore: LogDatastore
) -> None:
    with closing(sqlite3.connect(datastore.path, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            await committer.run(insert(1))
        another.execute("ROLLBACK")

    assert await committer.run(insert(1)) == 1


async def test_a_closed_committer_has_finished_its_queue_and_takes_no_more(
    committer: Committer, datastore: LogDatastore
) -> None:
    queued = [committer.submit(insert(number)) for number in range(5)]
    committer.close()

    assert [future.result(0) for future in queued] == list(range(5))
    with pytest.raises(OperationalError, match="closed"):
        committer.submit(insert(6))
    assert numbers(datastore) == list(range(5))


def test_closing_waits_for_those_who_are_reading_and_lets_nobody_else_begin(datastore: LogDatastore) -> None:
    with datastore.transaction(commit=False) as cursor:
        closing_it = Thread(target=datastore.close)
        closing_it.start()
        closing_it.join(0.05)
        still_closing = closing_it.is_alive()
        with pytest.raises(ConnectionPoolClosedError):
            datastore.pool.get_connection()
        cursor.execute("SELECT 7 AS seven")
        read = cursor.fetchone()["seven"]
    closing_it.join(10)

    assert (still_closing, read, closing_it.is_alive()) == (True, 7, False)


def test_opening_waits_for_a_process_that_is_opening_the_new_file_too(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None, check_same_thread=False)) as another:
        another.execute("CREATE TABLE begun (x)")
        another.execute("BEGIN")
        another.execute("SELECT * FROM begun").fetchall()
        timer = Timer(0.1, another.execute, ["COMMIT"])
        timer.start()

        with closing(connect(tmp_path / "log.sqlite")) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        timer.join()


def test_a_file_that_stays_locked_is_given_up(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")

        with pytest.raises(OperationalError, match=r"database is locked \(log.sqlite\)"):
            connect(tmp_path / "log.sqlite", lock_timeout_seconds=0.02)


def test_every_connection_is_durable_and_forgets_safely(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "log.sqlite")) as connection:
        settings = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "secure_delete")
        ]

    assert settings == ["wal", 2, 1]
