"""A log of a million events: how long its views take to be made, a start on it, and questions of a long session in it.

Not one of `make bench`: it takes six minutes, and two gigabytes of disk.

    python -m benchmarks.million
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil
from httpx2 import Client
from rich.console import Console

from api.wiring.storage import open_log
from benchmarks.chat import questions
from benchmarks.console import Listening, listening, plain_http
from benchmarks.rebuild import beside_reading, read_alone, timed
from benchmarks.report import Result, Row, machine, spread
from benchmarks.sessions import QUIET, converse, data_folder, filling, progress, quiet, store, versions
from projections.rebuild import rebuild
from projections.slot import claim_slot

EVENTS: Final = 1_000_000
MESSAGES: Final = 10_000
"""In the session that is asked, each with its vectors and its emotion."""

OTHER: Final = 200
"""Messages of each other session, without either. All say the same things."""

ROUNDS: Final = 60
PATIENCE_SECONDS: Final = 600.0


def measure(*, events: int = EVENTS, messages: int = MESSAGES, rounds: int = ROUNDS) -> list[Result]:
    """The views' making, the start, and milliseconds of each question over HTTP."""
    with data_folder() as folder:
        stored = asyncio.run(_fill(folder, events, messages))
        made = _made_anew(folder, stored)
        with listening(folder, {"MODEL_PROVIDER": "offline", **QUIET}, PATIENCE_SECONDS) as server:
            started = _started(server)
            with plain_http(server.url) as http:
                asked = [_row(what, ask, http, messages, rounds) for what, ask in ASKED.items()]
        on_disk = _disk(folder)
    return [
        Result(title=f"the views of {stored:,} events", rows=made),
        Result(title=f"a start on {stored:,} events", rows=[{**started, **on_disk}]),
        Result(title=f"a session of {messages:,} messages among {stored:,} events, over HTTP", rows=asked),
    ]


async def _fill(folder: Path, events: int, messages: int) -> int:
    """One long session, and behind it as many others as it takes; how many events there are then."""
    with progress() as bar:
        async with filling(folder) as system:
            await converse(system, "long", messages, bar)
        log = open_log(quiet(folder))
        others = max(0, events - log.last_position()) // (OTHER + 1)
        for number in bar.track(range(others), description="storing sessions"):
            await store(log, f"other-{number}", OTHER)
        stored = log.last_position()
        await log.close()
    return stored


def _made_anew(folder: Path, events: int) -> list[Row]:
    """Where the server will find them."""
    settings = quiet(folder)
    log, slot = open_log(settings), claim_slot(settings.data_dir)

    def make() -> None:
        with progress() as bar:
            task = bar.add_task("making views", total=events)
            rebuild(log, slot.file, lambda done, _: bar.update(task, completed=done))

    rows = beside_reading(events, timed(lambda: read_alone(log)), timed(make))
    slot.close()
    asyncio.run(log.close())
    return rows


def _started(server: Listening) -> Row:
    memory = psutil.Process(server.process.pid).memory_info().rss / 2**20
    return {"answering after s": server.start_seconds, "memory MiB": memory}


def _disk(folder: Path) -> Row:
    data = quiet(folder).data_dir
    log = sum(file.stat().st_size for file in data.glob("*.sqlite*"))
    views = sum(file.stat().st_size for file in data.glob("views/*/*.sqlite3*"))
    return {"log GiB": log / 2**30, "views GiB": views / 2**30}


# -- what is asked -----------------------------------------------------------------------------------------------------


def _state(http: Client, at: int, text: str) -> None:
    http.get("/sessions/long", params={"at": at}).raise_for_status()


def _messages(http: Client, at: int, text: str) -> None:
    http.get("/sessions/long/messages", params={"at": at, "after": max(0, at - 50), "limit": 50}).raise_for_status()


def _recall(http: Client, at: int, text: str) -> None:
    http.post("/sessions/long/recall", json={"query": text}).raise_for_status()


def _recall_then(http: Client, at: int, text: str) -> None:
    http.post("/sessions/long/recall", json={"query": text, "at": at}).raise_for_status()


def _turn(http: Client, at: int, text: str) -> None:
    said = {"messages": [{"role": "user", "content": text}]}
    http.post("/sessions/long/v1/chat/completions", json=said).raise_for_status()


ASKED: Final[dict[str, Callable[[Client, int, str], None]]] = {
    "state as of a version": _state,
    "fifty messages as of a version": _messages,
    "recall": _recall,
    "recall as of a version": _recall_then,
    "a whole turn, no language model": _turn,
}
"""Each with a version, which goes through the session's whole past, and a text, which is another one each time."""


def _row(what: str, ask: Callable[[Client, int, str], None], http: Client, messages: int, rounds: int) -> Row:
    ask(http, messages, "What was said first?")  # fetches what is read once
    found: list[float] = []
    with progress() as bar:
        asked = zip(versions(messages, rounds), questions(rounds), strict=True)
        for at, text in bar.track(asked, total=rounds, description=what):
            began = time.perf_counter()
            ask(http, at, text)
            found.append((time.perf_counter() - began) * 1000)
    return {"what": what, **spread(found)}


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.million", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--events", type=int, default=EVENTS, help="in the whole log")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="of the session that is asked")
    arguments = parser.parse_args()
    out = Console()
    out.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for result in measure(events=arguments.events, messages=arguments.messages):
        out.print(result.table())


if __name__ == "__main__":
    main()
