"""One turn at a time: among the tasks of a process, and among processes, however they end."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from api.adapters.postgres_datastore import advisory_key
from api.adapters.postgres_log import PostgresEventLog
from api.adapters.turn_locks import FileTurnLocks, TurnLocks
from domain.errors import Conflict, TurnAlreadyOpen, Unavailable
from tests.lock_places import locks_at
from tests.postgres import crashed, cut_connections, holding, schema

REPOSITORY = Path(__file__).parents[2]

# Asks for the lock of a session and keeps it until it is killed.
HOLDER = """
import asyncio, sys
from uuid import UUID
from tests.lock_places import locks_at

async def main():
    locks = locks_at(sys.argv[1], patience_seconds=60)
    print("asks", flush=True)
    async with locks.hold(UUID(sys.argv[2])):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def locks_on(place: str, *, patience_seconds: float = 5.0) -> AsyncGenerator[TurnLocks]:
    locks = locks_at(place, patience_seconds=patience_seconds)
    try:
        yield locks
    finally:
        locks.close()


@asynccontextmanager
async def log_at(place: str) -> AsyncGenerator[None]:
    """The log that the locks belong to; a file needs none."""
    if place.startswith("postgresql://"):
        await (await asyncio.to_thread(PostgresEventLog, place)).close()
    yield


@pytest.fixture(params=["a file", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "a file":
        yield str(tmp_path / "turns.lock")
    else:
        with schema() as url:
            yield url


@pytest.fixture
async def locks(place: str) -> AsyncGenerator[TurnLocks, None]:
    async with locks_on(place) as locks:
        yield locks


@asynccontextmanager
async def another_process(place: str, session: UUID) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A real process that asks for the session's lock; killed at the end, if it is not already."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, place, str(session), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await says(process) == "asks"
        yield process
    finally:
        await killed(process)


async def says(process: asyncio.subprocess.Process) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip()


async def killed(process: asyncio.subprocess.Process) -> None:
    """Ended by SIGKILL: nothing of its own could tidy up."""
    if process.returncode is None:
        process.kill()
    await process.communicate()


# -- in one process ----------------------------------------------------------------------------------------------------


async def test_turns_of_one_session_follow_each_other_in_the_order_they_came(locks: TurnLocks) -> None:
    session, told = uuid4(), list[str]()

    async def turn(name: str) -> None:
        async with locks.hold(session):
            told.append(f"{name} begins")
            await asyncio.sleep(0.001)
            told.append(f"{name} ends")

    await asyncio.gather(*(turn(name) for name in ("one", "two", "three")))

    assert told == [f"{name} {what}" for name in ("one", "two", "three") for what in ("begins", "ends")]


async def test_turns_of_two_sessions_do_not_wait_for_each_other(locks: TurnLocks) -> None:
    meeting = asyncio.Barrier(2)

    async def turn(session: UUID) -> None:
        async with locks.hold(session):
            await meeting.wait()

    async with asyncio.timeout(5):
        await asyncio.gather(turn(uuid4()), turn(uuid4()))


async def test_a_turn_that_fails_lets_the_next_one_in(locks: TurnLocks) -> None:
    session = uuid4()
    with pytest.raises(RuntimeError, match="the model is gone"):
        async with locks.hold(session):
            raise RuntimeError("the model is gone")

    async with asyncio.timeout(1), locks.hold(session):
        pass


async def test_who_has_less_patience_gives_up_sooner(locks: TurnLocks) -> None:
    session = uuid4()

    async with locks.hold(session):
        with pytest.raises(TurnAlreadyOpen):
            async with asyncio.timeout(1), locks.hold(session, patience_seconds=0.01):
                pytest.fail("Two hold it.")


async def test_a_turn_that_is_cancelled_lets_the_next_one_in(locks: TurnLocks) -> None:
    session, begun = uuid4(), asyncio.Event()

    async def endless() -> None:
        async with locks.hold(session):
            begun.set()
            await asyncio.Event().wait()

    holding, waiting = asyncio.create_task(endless()), asyncio.create_task(endless())
    await begun.wait()
    waiting.cancel()
    holding.cancel()
    await asyncio.gather(holding, waiting, return_exceptions=True)

    async with asyncio.timeout(1), locks.hold(session):
        pass


async def test_patience_ends_while_another_turn_of_this_process_goes_on(place: str) -> None:
    session = uuid4()
    async with locks_on(place, patience_seconds=0.05) as locks:
        async with locks.hold(session):
            with pytest.raises(TurnAlreadyOpen, match="still answering another turn"):
                async with locks.hold(session):
                    pass

        async with locks.hold(session):
            pass


async def test_without_patience_a_free_session_is_had_all_the_same(place: str) -> None:
    async with locks_on(place, patience_seconds=0.0) as locks, locks.hold(uuid4()):
        pass


# -- among processes ---------------------------------------------------------------------------------------------------


async def test_another_process_is_kept_out_until_the_holder_is_killed(place: str) -> None:
    session = uuid4()
    async with another_process(place, session) as other, locks_on(place, patience_seconds=0.1) as impatient:
        assert await says(other) == "held"
        with pytest.raises(TurnAlreadyOpen):
            async with impatient.hold(session):
                pass
        async with impatient.hold(uuid4()):
            pass

        await killed(other)

        async with impatient.hold(session):
            pass


async def test_who_waits_gets_in_when_the_other_process_is_killed(place: str, locks: TurnLocks) -> None:
    session, inside = uuid4(), asyncio.Event()

    async def turn() -> None:
        async with locks.hold(session):
            inside.set()

    async with another_process(place, session) as other:
        assert await says(other) == "held"
        waiting = asyncio.create_task(turn())
        await asyncio.sleep(0.1)
        assert not inside.is_set()

        await killed(other)

        await asyncio.wait_for(waiting, 5)
        assert inside.is_set()


async def test_a_process_that_is_held_up_is_let_in_when_we_are_done(place: str, locks: TurnLocks) -> None:
    session = uuid4()
    async with AsyncExitStack() as stack:
        async with locks.hold(session):
            other = await stack.enter_async_context(another_process(place, session))
            answer = asyncio.create_task(says(other))
            await asyncio.sleep(0.1)
            assert not answer.done()

        assert await asyncio.wait_for(answer, 5) == "held"


# -- what those who share a log agree on ------------------------------------------------------------------------------


async def test_processes_of_one_embedder_share_a_log(place: str) -> None:
    async with log_at(place), locks_on(place) as locks, locks_on(place) as others:
        await asyncio.to_thread(locks.join, "minilm")

        await asyncio.to_thread(others.join, "minilm")


async def test_who_knows_texts_by_another_embedder_is_told_to_stop(place: str) -> None:
    async with log_at(place), locks_on(place) as locks, locks_on(place) as others, locks_on(place) as third:
        await asyncio.to_thread(locks.join, "minilm")

        with pytest.raises(Conflict, match="by the embedder minilm, this one by other: run the same version"):
            await asyncio.to_thread(others.join, "other")
        await asyncio.to_thread(third.join, "minilm")


async def test_when_all_are_gone_the_embedder_may_be_another_one(place: str) -> None:
    async with log_at(place):
        async with locks_on(place) as locks:
            await asyncio.to_thread(locks.join, "minilm")

        async with locks_on(place) as others:
            await asyncio.to_thread(others.join, "other")


async def test_the_embedder_is_kept_when_the_connection_is_cut() -> None:
    with schema() as url:
        async with log_at(url), locks_on(url) as locks, locks_on(url) as others:
            await asyncio.to_thread(locks.join, "minilm")
            cut_connections()
            await asyncio.sleep(1.5)

            with pytest.raises(Conflict):
                await asyncio.to_thread(others.join, "other")


# -- what a file or a database alone can do ----------------------------------------------------------------------------


async def test_a_lock_that_cannot_be_had_at_all_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    locks = FileTurnLocks(tmp_path / "turns.lock")
    locks.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        async with asyncio.timeout(1), locks.hold(uuid4()):
            pass


def test_a_database_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="locks of the event log cannot be had"):
        locks_at("postgresql://nobody@127.0.0.1:1/nowhere")


async def test_who_gives_up_waiting_for_the_database_leaves_the_session_free() -> None:
    session = uuid4()
    with schema() as url:
        key = advisory_key(url.rpartition("%3D")[2], session.hex)
        async with locks_on(url, patience_seconds=0.05) as locks, locks_on(url, patience_seconds=1) as others:
            with holding(key), pytest.raises(TurnAlreadyOpen):
                async with locks.hold(session):
                    pytest.fail("Two hold it.")

            async with others.hold(session):
                pass


async def test_running_turns_keep_their_sessions_when_the_connection_is_cut() -> None:
    session = uuid4()
    with schema() as url:
        async with locks_on(url) as locks, locks_on(url, patience_seconds=0.1) as others:
            async with locks.hold(session):
                cut_connections()
                await asyncio.sleep(1.5)

                with pytest.raises(TurnAlreadyOpen):
                    async with others.hold(session):
                        pytest.fail("Two hold it.")

            await asyncio.sleep(0.1)
            async with others.hold(session):
                pass


async def test_a_database_that_is_away_is_told_and_used_again_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    held, other = uuid4(), uuid4()
    with schema() as url:
        async with log_at(url), locks_on(url) as locks:
            async with AsyncExitStack() as holding_one, locks.hold(held):
                await holding_one.enter_async_context(locks.hold(other))
                with crashed():
                    with pytest.raises(Unavailable, match="database of the event log does not answer"):
                        async with locks.hold(uuid4()):
                            pytest.fail("Nobody gave it.")
                    with pytest.raises(Unavailable, match="locks of the event log cannot be had"):
                        await asyncio.to_thread(locks.join, "minilm")
                    await holding_one.aclose()
                    await asyncio.sleep(2.5)
            await asyncio.to_thread(locks.join, "minilm")

            async with asyncio.timeout(5), locks.hold(held), locks.hold(other):
                pass

    assert caplog.messages == ["the locks of running turns are lost until the database answers"]


async def test_a_session_is_had_although_the_connection_was_cut_before() -> None:
    with schema() as url:
        async with locks_on(url) as locks:
            cut_connections()

            async with asyncio.timeout(3), locks.hold(uuid4()):
                pass


async def test_two_logs_in_one_database_do_not_hold_each_other_up() -> None:
    session = uuid4()
    with schema() as url, schema() as other:
        async with (
            locks_on(url) as locks,
            locks_on(other, patience_seconds=0.1) as others,
            locks.hold(session),
            others.hold(session),
        ):
            pass
