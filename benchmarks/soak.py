"""Steady load for as long as one likes: whether memory and the views' lag stay where they were.

Not one of `make bench`: it takes two hours unless told otherwise, and ends with 1 where something grew.

    python -m benchmarks.soak --minutes 120
"""

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
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
TURNS_EACH: Final = 10
"""In so many sessions there is talk in turn, and after so many turns of each in as many new ones: a session that grew
for ever would rightly take more and more memory. Soon there are more than are kept warm."""

LOOKS: Final = 12
"""Times that the server is looked at, evenly spread."""

GROWTH: Final = 1.1
"""Of the mean of the last third of the looks over that of the third before, the least that counts as growing."""

BEHIND: Final = 200
"""Events that the views may be behind while four streams never pause; a second's worth and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The server at one moment, `minutes` after the load began."""

    minutes: float
    turns: int
    memory_mib: float
    threads: int
    files: int
    lag: int


def measure(*, minutes: float = MINUTES, streams: int = STREAMS, sessions: int = SESSIONS) -> Sequence[Look]:
    """So many looks at a server under load."""
    with data_folder() as folder, listening(folder, {"MODEL_PROVIDER": "offline", **QUIET}) as server:
        return asyncio.run(_loaded(server, minutes * 60, streams, sessions))


def table(looks: Sequence[Look], title: str) -> Result:
    """A row for each."""
    return Result(
        title=title,
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


def grown(looks: Sequence[Look]) -> list[str]:
    """What did not stay where it was, in words. The first third is the warming up."""
    third = len(looks) // 3
    before, after = looks[third : 2 * third], looks[2 * third :]
    kinds: dict[str, Callable[[Look], float]] = {
        "memory": lambda look: look.memory_mib,
        "threads": lambda look: look.threads,
        "open files": lambda look: look.files,
    }
    ratios = {what: mean(map(of, after)) / mean(map(of, before)) for what, of in kinds.items()}
    told = [f"{what}: {ratio:.2f} times as much as before" for what, ratio in ratios.items() if ratio >= GROWTH]
    most = max(look.lag for look in after)
    return [*told, f"views: {most} events behind"] if most > BEHIND else told


async def _loaded(server: Listening, seconds: float, streams: int, sessions: int) -> Sequence[Look]:
    began, turns, looks = time.monotonic(), itertools.count(), list[Look]()
    texts = itertools.cycle(questions(2000))

    async def stream() -> None:
        caller = await Caller.connected(server.url)
        while time.monotonic() < began + seconds:
            number = next(turns)
            await caller.ask(f"/sessions/{_name(number, sessions)}/v1/chat/completions", next(texts))
        await caller.close()

    talking = [asyncio.create_task(stream()) for _ in range(streams)]
    with progress() as bar:
        for at in bar.track(_moments(seconds), total=LOOKS, description="steady load"):
            await asyncio.sleep(began + at - time.monotonic())
            looks.append(await asyncio.to_thread(_look, server, (time.monotonic() - began) / 60, next(turns)))
    await asyncio.gather(*talking)
    return looks


def _name(turn: int, sessions: int) -> str:
    return f"soak-{turn // (sessions * TURNS_EACH)}-{turn % sessions}"


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


def main() -> int:
    """Parse the command line, load, print; 1 where something grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--streams", type=int, default=STREAMS, help="clients that never pause")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="sessions that they talk in")
    arguments = parser.parse_args()
    out = Console()
    out.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    looks = measure(minutes=arguments.minutes, streams=arguments.streams, sessions=arguments.sessions)
    out.print(
        table(looks, f"{arguments.streams} streams without a pause, {arguments.sessions} sessions at a time").table()
    )
    for told in (faults := grown(looks)):
        out.print(told, style="red")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
