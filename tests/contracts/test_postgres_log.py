"""The event log on PostgreSQL against the contract of event logs, and what only PostgreSQL can be asked."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager

import pytest
from eventsourcing.persistence import OperationalError

from api.adapters.postgres_datastore import LogDatastore, advisory_key
from api.adapters.postgres_log import PostgresEventLog
from api.ports import EventLog
from domain.errors import Unavailable
from tests.contracts.event_log_contract import (
    EventLogContract,
    SharedLogContract,
    drawn,
    everything,
    say,
    started,
    store,
    stored,
    vector,
    versions,
)
from tests.drawings import png, sha256
from tests.fakes import ReversingKeys
from tests.postgres import ask, cut_connections, holding, over, schema, socket_file
from tests.postgres_line import line_to

DISK_FULL = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$"""


@pytest.fixture
def url() -> Iterator[str]:
    with schema() as url:
        yield url


class TestPostgresEventLog(EventLogContract, SharedLogContract):
    @pytest.fixture
    async def log(self, url: str) -> AsyncIterator[EventLog]:
        log = PostgresEventLog(url)
        yield log
        await log.close()

    @pytest.fixture
    async def other(self, log: EventLog, url: str) -> AsyncIterator[EventLog]:
        other = PostgresEventLog(url)
        yield other
        await other.close()

    def opened_again(self) -> PostgresEventLog:
        return PostgresEventLog(self.url)

    @pytest.fixture(autouse=True)
    def _known(self, url: str) -> None:
        self.url = url

    @contextmanager
    def out_of_space(self, log: EventLog) -> Generator[None]:
        """The server refuses with what it says when its disk is full."""
        ask(DISK_FULL, url=self.url)
        ask("CREATE TRIGGER full_disk BEFORE INSERT ON stored_events EXECUTE FUNCTION refuse()", url=self.url)
        try:
            yield
        finally:
            ask("DROP TRIGGER full_disk ON stored_events", url=self.url)


@pytest.fixture
async def log(url: str) -> AsyncIterator[PostgresEventLog]:
    log = PostgresEventLog(url, snapshot_after_events=10)
    yield log
    await log.close()


async def test_a_position_is_never_given_twice(log: PostgresEventLog, url: str) -> None:
    session = await stored(log, "one", "two")
    ask("DELETE FROM stored_events WHERE originator_id = %s", session.id.hex, url=url)

    assert log.last_position() == 0
    assert log.missing_position() == 1
    assert await store(log, started()) == [4]


async def test_an_append_that_is_rolled_back_leaves_no_gap(log: PostgresEventLog) -> None:
    session = await stored(log, "one")
    late = await log.load(session.id, 1)
    say(late, "late")

    await asyncio.gather(stored(log, "a"), store(log, late), stored(log, "b"), return_exceptions=True)

    assert [one.position for one in everything(log)] == [1, 2, 3, 4, 5, 6]
    assert log.missing_position() is None


async def test_pictures_are_sealed_as_events_are(url: str) -> None:
    log = PostgresEventLog(url, keys=ReversingKeys())
    session = started()
    await log.append(session.id, 0, session.collect(), pictures=[drawn(png())])
    read = log.read_image(sha256(png()))
    await log.close()

    ((content, owner),) = ask("SELECT content, session FROM images", url=url)
    assert (read, content, owner) == (png(), png()[::-1], session.id.hex)


async def test_a_long_replay_leaves_one_snapshot_for_the_next_load(log: PostgresEventLog, url: str) -> None:
    session = await stored(log, *(f"text {number}" for number in range(20)))
    await log.load(session.id)
    await log.add_vectors([])  # queued behind the snapshot
    assert ask("SELECT count(*) FROM snapshots", url=url) == [(1,)]
    ask("DELETE FROM stored_events WHERE originator_version < 21", url=url)

    again = PostgresEventLog(url)

    assert await again.load(session.id) == session
    await again.close()


# connections that break


async def test_appends_and_reads_go_on_after_every_connection_was_cut(log: PostgresEventLog) -> None:
    session = await stored(log, "one")

    cut_connections()

    say(session, "two")
    assert await store(log, session) == [3]
    assert versions(everything(log)) == [1, 2, 3]


async def test_another_writer_is_heard_of_after_every_connection_was_cut(log: PostgresEventLog, url: str) -> None:
    other = PostgresEventLog(url)
    cut_connections()
    await stored(other, "one")
    await asyncio.sleep(1.5)
    log.wait(0)  # what is known by now

    waiting = asyncio.create_task(asyncio.to_thread(log.wait, 30))
    await asyncio.sleep(0.05)
    await stored(other, "two")

    await asyncio.wait_for(waiting, 5)
    await other.close()


async def test_what_was_committed_although_the_answer_was_lost_is_not_stored_twice(url: str) -> None:
    async with line_to(socket_file()) as line:
        log = await asyncio.to_thread(PostgresEventLog, over(line.port, url))
        session = await stored(log, "one")
        say(session, "two")
        line.breaks_at_commit = True

        assert await log.append(session.id, 2, session.collect(), [vector(session, 3)]) == [3]

        assert line.broken == 1
        assert versions(await asyncio.to_thread(everything, log)) == [1, 2, 3]
        assert await asyncio.to_thread(log.last_sequence) == 1
        await log.close()


async def test_a_batch_whose_connection_breaks_before_its_commit_is_stored_once(url: str) -> None:
    log = PostgresEventLog(url)
    sessions = [started() for _ in range(20)]

    appends = [asyncio.create_task(store(log, session)) for session in sessions]
    await asyncio.to_thread(cut_connections)

    positions = [position for own in await asyncio.gather(*appends) for position in own]
    assert sorted(positions) == list(range(1, 21))
    await log.close()


def test_who_cannot_have_the_log_in_time_fails_and_does_not_try_again(url: str) -> None:
    datastore = LogDatastore(url, lock_timeout_seconds=0.2)
    with (
        holding(advisory_key(datastore.schema, "log")),
        pytest.raises(OperationalError, match="lock timeout") as caught,
        datastore.transaction(commit=True),
    ):
        pytest.fail("Two write.")

    assert not datastore.is_lost(caught.value)
    datastore.close()


# what is no log of ours


def test_a_server_that_does_not_answer_is_unavailable_and_its_password_is_not_told() -> None:
    with pytest.raises(Unavailable, match=r"cannot be used: .*onnection refused") as caught:
        PostgresEventLog("postgresql://user:geheim@127.0.0.1:1/heartline")

    assert "geheim" not in caught.value.message


def test_a_schema_that_is_not_there_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable, match="schema that the URL names does not exist: create it first"):
        PostgresEventLog(url + "_elsewhere")


@pytest.mark.parametrize(("form", "told"), [(99, "newer Heartline"), (0, "does not read any more")])
async def test_a_log_of_another_form_is_refused_and_left_as_it_is(url: str, form: int, told: str) -> None:
    await PostgresEventLog(url).close()
    ask("UPDATE log_head SET form = %s", form, url=url)

    with pytest.raises(Unavailable, match=told):
        PostgresEventLog(url)

    assert ask("SELECT form, position FROM log_head", url=url) == [(form, 0)]


def test_tables_of_another_program_are_refused_and_left_as_they_are(url: str) -> None:
    ask("CREATE TABLE stored_events (originator_id uuid)", url=url)

    with pytest.raises(Unavailable, match="tables of another program"):
        PostgresEventLog(url)

    assert ask("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()", url=url) == [(1,)]
