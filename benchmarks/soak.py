"""Steady load for as long as one likes: whether memory and the views' lag stay where they were.

Not one of `make bench`: it takes MINUTES, two hours in the nightly form.

    python -m benchmarks.soak --minutes 120
"""

import argparse
import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import psutil
from rich.console import Console

from benchmarks.caller import Caller
from benchmarks.chat import questions
from benchmarks.console import Listening, listening, plain_http
from benchmarks.report import Result, machine
from benchmarks.sessions import QUIET, data_folder, progress

MINUTES: Final = 120.0
STREAMS: Final = 4
SESSIONS: Final = 100
"""In turn, so that each grows and is let go of and fetched again."""

LOOKS: Final = 12
"""Times that the server is looked at, evenly spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The server at one moment, `minutes` after the load began."""

    minutes: float
    turns: int
    memory_mib: float
    threads: int
    files: int
    lag: int


def measure(*, minutes: float = MINUTES, streams: int = STREAMS, sessions: int = SESSIONS) -> list[Result]:
    """A row for each look at the server."""
    with data_folder() as folder, listening(folder, {"MODEL_PROVIDER": "offline", **QUIET}) as server:
        looks = asyncio.run(_loaded(server, minutes * 60, streams, sessions))
    return [
        Result(
            title=f"{streams} streams without a pause in {sessions} sessions",
            rows=[
                {
                    "minutes": look.minutes,
                    "turns": float(look.turns),
                    "memory MiB": look.memory_mib,
                    "threads": float(look.threads),
                    "open files": float(look.files),
                    "views behind": float(look.lag),
                }
                for look in looks
            ],
        )
    ]


async def _loaded(server: Listening, seconds: float, streams: int, sessions: int) -> Sequence[Look]:
    began, turns, looks = time.monotonic(), itertools.count(), list[Look]()
    texts = itertools.cycle(questions(2000))

    async def stream() -> None:
        caller = await Caller.connected(server.url)
        while time.monotonic() < began + seconds:
            number = next(turns)
            await caller.ask(f"/sessions/soak-{number % sessions}/v1/chat/completions", next(texts))
        await caller.close()

    talking = [asyncio.create_task(stream()) for _ in range(streams)]
    with progress() as bar:
        for at in bar.track(_moments(seconds), total=LOOKS, description="steady load"):
            await asyncio.sleep(began + at - time.monotonic())
            looks.append(await asyncio.to_thread(_look, server, (time.monotonic() - began) / 60, next(turns)))
    await asyncio.gather(*talking)
    return looks


def _moments(seconds: float) -> Iterator[float]:
    return (seconds * number / LOOKS for number in range(1, LOOKS + 1))


def _look(server: Listening, minutes: float, turns: int) -> Look:
    process = psutil.Process(server.process.pid)
    with plain_http(base_url=server.url) as http:
        lag = http.get("/health").json()["views"]["lag"]
    return Look(
        minutes=minutes,
        turns=turns,
        memory_mib=process.memory_info().rss / 2**20,
        threads=process.num_threads(),
        files=process.num_fds(),
        lag=lag,
    )


def main() -> None:
    """Parse the command line, load, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--streams", type=int, default=STREAMS, help="clients that never pause")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="sessions that they talk in")
    arguments = parser.parse_args()
    out = Console()
    out.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for result in measure(minutes=arguments.minutes, streams=arguments.streams, sessions=arguments.sessions):
        out.print(result.table())


if __name__ == "__main__":
    main()
