"""The time machine in a store of 100,000 events: state as of a version, fork, rewind, replay; and the views anew.

Asked of the use cases, without HTTP: what is measured is what they add to a request. Each fork and rewind is synced to
disk, and the next one waits until the views have caught up with it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from api.bootstrap import System, assembled
from api.chat.request import Address, TurnRequest
from benchmarks.chat import conversation, questions
from benchmarks.rebuild import beside_reading, read_alone, rebuild_views, timed
from benchmarks.report import Result, Row, spread
from benchmarks.sessions import OWNER, data_folder, progress, quiet, store, versions
from domain.messages import Message

EVENTS: Final = 100_000
"""In the whole store."""

MESSAGES: Final = 10_000
"""In the session that is rewound and forked."""

ROUNDS: Final = 60
OTHER: Final = 200
"""Messages of each other session."""

TURNS: Final = 8
"""Behind the imported messages; they are replayed in turn."""

Ask = Callable[[int, int], Awaitable[object]]
"""The number of the round, and a version, which goes through the session's whole past."""


def measure(*, events: int = EVENTS, messages: int = MESSAGES, rounds: int = ROUNDS) -> list[Result]:
    """Milliseconds of each question, and events a second of making the views anew."""
    with data_folder() as folder:
        return asyncio.run(_measure(folder, events, messages, rounds))


async def _measure(folder: Path, events: int, messages: int, rounds: int) -> list[Result]:
    async with assembled(quiet(folder)) as system:
        log, shown = system.memory.log, f"a session of {messages:,} messages"
        await _fill(system, events, messages)
        turns = await _talk(system)
        stored = log.last_position()
        anew = await asyncio.to_thread(
            lambda: [timed(lambda: read_alone(log)), timed(lambda: rebuild_views(log, folder / "anew.sqlite3"))]
        )
        rows = [
            await _row(system, what, ask, versions(messages, rounds))
            for what, ask in _asked(system, messages, turns).items()
        ]
    return [
        Result(title=f"a store of {stored:,} events, {shown}", rows=rows),
        Result(title=f"the views of these {stored:,} events", rows=beside_reading(stored, *anew)),
    ]


def _asked(system: System, messages: int, turns: Sequence[str]) -> dict[str, Ask]:
    branches, sessions = system.services.branches, system.services.sessions
    return {
        "state as of a version": lambda _, at: sessions.state(OWNER, "long", at=at),
        "replay of a turn": lambda number, _: sessions.replay(OWNER, "long", turns[number % len(turns)]),
        "fork at any version": lambda number, at: branches.fork(OWNER, "long", at=at, name=f"fork-{number}"),
        "fork at the end of the messages": lambda number, _: branches.fork(
            OWNER, "long", at=messages, name=f"head-{number}"
        ),
        "rewind to any version": lambda _, at: branches.rewind(OWNER, "long", to=at),
    }


async def _row(system: System, what: str, ask: Ask, versions: Sequence[int]) -> Row:
    found: list[float] = []
    with progress() as bar:
        for number, at in enumerate(bar.track(versions, description=what)):
            await system.memory.follower.caught_up()
            began = time.perf_counter()
            await ask(number, at)
            found.append((time.perf_counter() - began) * 1000)
    return {
        "what": what,
        "rounds": float(len(found)),
        **spread(found),
        "most ms": max(found),
    }


# -- what is measured on -----------------------------------------------------------------------------------------------


async def _fill(system: System, events: int, messages: int) -> None:
    """One long session and as many others as it takes; vectors and emotions play no part here."""
    others = max(0, events - messages) // (OTHER + 1)
    with progress() as bar:
        await store(system.memory.log, "long", messages)
        for number in bar.track(range(others), description="storing sessions"):
            await store(system.memory.log, f"other-{number}", OTHER)
        await system.memory.follower.caught_up()


async def _talk(system: System) -> list[str]:
    """Turns of the long session, each with a context of its window and what it recalls; their ids."""
    turns: list[str] = []
    for text in questions(TURNS):
        said = Message(role="user", text=text, said_at=conversation(1)[0].said_at)
        answer = await system.turns.answer(
            TurnRequest(
                owner=OWNER,
                address=Address(external_id="long", identified_by="header"),
                messages=[said],
                model=None,
                parameters={},
                arrived=time.perf_counter(),
                parse_ms=0.0,
            )
        )
        async for _ in answer.stream():
            pass
        turns.append(answer.turn)
    return turns
