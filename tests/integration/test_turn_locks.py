"""One turn at a time: among the tasks of a process, and among processes, however they end."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from api.adapters.turn_locks import FileTurnLocks
from domain.errors import TurnAlreadyOpen

REPOSITORY = Path(__file__).parents[2]

# Asks for the lock of a session and keeps it until it is killed.
HOLDER = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from api.adapters.turn_locks import FileTurnLocks

async def main():
    print("asks", flush=True)
    async with FileTurnLocks(Path(sys.argv[1])).hold(UUID(sys.argv[2])):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def locks_on(file: Path, *, patience_seconds: float = 5.0) -> AsyncGenerator[FileTurnLocks]:
    locks = FileTurnLocks(file, patience_seconds=patience_seconds)
    try:
        yield locks
    finally:
        locks.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "turns.lock"


@pytest.fixture
async def locks(file: Path) -> AsyncGenerator[FileTurnLocks, None]:
    async with locks_on(file) as locks:
        yield locks


@asynccontextmanager
async def another_process(file: Path, session: UUID) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A real process that asks for the session's lock; killed at the end, if it is not already."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(file), str(session), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
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


async def test_turns_of_one_session_follow_each_other_in_the_order_they_came(locks: FileTurnLocks) -> None:
    session, told = uuid4(), list[str]()

    async def turn(name: str) -> None:
        async with locks.hold(session):
            told.append(f"{name} begins")
            await asyncio.sleep(0.001)
            told.append(f"{name} ends")

    await asyncio.gather(*(turn(name) for name in ("one", "two", "three")))

    assert told == [f"{name} {what}" for name in ("one", "two", "three") for what in ("begins", "ends")]


async def test_turns_of_two_sessions_do_not_wait_for_each_other(locks: FileTurnLocks) -> None:
    meeting = asyncio.Barrier(2)

    async def turn(session: UUID) -> None:
        async with locks.hold(session):
            await meeting.wait()

    async with asyncio.timeout(5):
        await asyncio.gather(turn(uuid4()), turn(uuid4()))


async def test_a_turn_that_fails_lets_the_next_one_in(locks: FileTurnLocks) -> None:
    session = uuid4()
    with pytest.raises(RuntimeError, match="the model is gone"):
        async with locks.hold(session):
            raise RuntimeError("the model is gone")

    async with asyncio.timeout(1), locks.hold(session):
        pass


async def test_who_has_less_patience_gives_up_sooner(locks: FileTurnLocks) -> None:
    session = uuid4()

    async with locks.hold(session):
        with pytest.raises(TurnAlreadyOpen):
            async with asyncio.timeout(1), locks.hold(session, patience_seconds=0.01):
                pytest.fail("Two hold it.")


async def test_a_turn_that_is_cancelled_lets_the_next_one_in(locks: FileTurnLocks) -> None:
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


async def test_patience_ends_while_another_turn_of_this_process_goes_on(file: Path) -> None:
    session = uuid4()
    async with locks_on(file, patience_seconds=0.05) as locks:
        async with locks.hold(session):
            with pytest.raises(TurnAlreadyOpen, match="still answering another turn"):
                async with locks.hold(session):
                    pass

        async with locks.hold(session):
            pass


async def test_without_patience_a_free_session_is_had_all_the_same(file: Path) -> None:
    async with locks_on(file, patience_seconds=0.0) as locks, locks.hold(uuid4()):
        pass


# -- among processes ---------------------------------------------------------------------------------------------------


async def test_another_process_is_kept_out_until_the_holder_is_killed(file: Path) -> None:
    session = uuid4()
    async with another_process(file, session) as other, locks_on(file, patience_seconds=0.1) as impatient:
        assert await says(other) == "held"
        with pytest.raises(TurnAlreadyOpen):
            async with impatient.hold(session):
                pass
        async with impatient.hold(uuid4()):
            pass

        await killed(other)

        async with impatient.hold(session):
            pass


async def test_who_waits_gets_in_when_the_other_process_is_killed(file: Path, locks: FileTurnLocks) -> None:
    session, inside = uuid4(), asyncio.Event()

    async def turn() -> None:
        async with locks.hold(session):
            inside.set()

    async with another_process(file, session) as other:
        assert await says(other) == "held"
        waiting = asyncio.create_task(turn())
        await asyncio.sleep(0.1)
        assert not inside.is_set()

        await killed(other)

        await asyncio.wait_for(waiting, 5)
        assert inside.is_set()


async def test_a_process_that_is_held_up_is_let_in_when_we_are_done(file: Path, locks: FileTurnLocks) -> None:
    session = uuid4()
    async with AsyncExitStack() as stack:
        async with locks.hold(session):
            other = await stack.enter_async_context(another_process(file, session))
            answer = asyncio.create_task(says(other))
            await asyncio.sleep(0.1)
            assert not answer.done()

        assert await asyncio.wait_for(answer, 5) == "held"


async def test_a_lock_that_cannot_be_had_at_all_is_an_error_and_not_a_wait(file: Path) -> None:
    async with locks_on(file) as locks:
        pass

    with pytest.raises(OSError, match="Bad file descriptor"):
        async with asyncio.timeout(1), locks.hold(uuid4()):
            pass
