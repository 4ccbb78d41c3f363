"""Fork and rewind, and reading a session as of a version, in a store of many events.

Asked of the use cases, without HTTP: what is measured is what they add to a request. Each fork and rewind is synced to
disk, and the next one waits until the views have caught up with it.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from api.bootstrap import System
from benchmarks.chat import conversation
from benchmarks.report import Result, Row
from benchmarks.sessions import OWNER, data_folder, filling, progress
from domain.session import Session
from domain.transcript import Append

EVENTS: Final = 20_000
"""In the whole store; `make bench` may be given time for 100,000: `measure(events=100_000, messages=10_000)`."""

MESSAGES: Final = 5_000
"""In the session that is rewound and forked."""

ROUNDS: Final = 60
OTHER: Final = 200
"""Messages of each other session."""


def measure(*, events: int = EVENTS, messages: int = MESSAGES, rounds: int = ROUNDS) -> list[Result]:
    """Milliseconds of each, at versions spread over the session's whole past."""
    with data_folder() as folder:
        stored, took = asyncio.run(_measure(folder, events, messages, rounds))
    rows: list[Row] = [
        {
            "what": what,
            "rounds": float(len(found)),
            "p50 ms": statistics.median(found),
            "p95 ms": float(np.quantile(found, 0.95)),
            "most ms": max(found),
        }
        for what, found in took.items()
    ]
    return [Result(title=f"a store of {stored:,} events, a session of {messages:,} messages", rows=rows)]


async def _measure(folder: Path, events: int, messages: int, rounds: int) -> tuple[int, Mapping[str, list[float]]]:
    with progress() as bar:
        async with filling(folder) as system:
            await _fill(system, events, messages)
            took: dict[str, list[float]] = {}
            for what, ask in _asked(system, messages).items():
                task = bar.add_task(what, total=rounds)
                found: list[float] = []
                for number in range(rounds):
                    await system.memory.follower.caught_up()
                    began = time.perf_counter()
                    await ask(number, 2 + number * (messages - 2) // max(rounds - 1, 1))
                    found.append((time.perf_counter() - began) * 1000)
                    bar.advance(task)
                took[what] = found
            return system.memory.log.last_position(), took


def _asked(system: System, messages: int) -> dict[str, Callable[[int, int], Awaitable[object]]]:
    branches, sessions = system.services.branches, system.services.sessions
    return {
        "state as of a version": lambda _, at: sessions.state(OWNER, "long", at=at),
        "fork at any version": lambda number, at: branches.fork(OWNER, "long", at=at, name=f"fork-{number}"),
        "fork at the head": lambda number, _: branches.fork(OWNER, "long", at=messages, name=f"head-{number}"),
        "rewind to any version": lambda _, at: branches.rewind(OWNER, "long", to=at),
    }


async def _fill(system: System, events: int, messages: int) -> None:
    """One long session and as many others as it takes; vectors and emotions play no part here."""
    await _store(system, "long", messages)
    for number in range(max(0, events - messages) // (OTHER + 1)):
        await _store(system, f"other-{number}", OTHER)
    await system.memory.follower.caught_up()


async def _store(system: System, name: str, length: int) -> None:
    session = Session.start(owner=OWNER, external_id=name, identified_by="import")
    session.receive(turn=None, operations=[Append(message) for message in conversation(length)])
    await system.memory.log.append(session.id, 0, session.collect())
