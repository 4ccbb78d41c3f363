"""Turns a second with many streams at once, by one process and by two, the language model being `offline`.

No upstream takes part: a reply is what memory finds, and all the processor's time is ours and the clients'. Each stream
talks in a session of its own, in which a hundred messages lie already.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.progress import Progress

from benchmarks.caller import Heard, ask_all
from benchmarks.chat import questions
from benchmarks.console import Listening, listening
from benchmarks.report import Result, Row
from benchmarks.sessions import QUIET, alike, data_folder, filling, progress

STREAMS: Final = (1, 16, 64, 200)
WORKERS: Final = (1, 2)
MESSAGES: Final = 100
TURNS: Final = 400
"""Measured turns of a row; each stream has at least two."""


def measure(
    *,
    streams: Sequence[int] = STREAMS,
    workers: Sequence[int] = WORKERS,
    messages: int = MESSAGES,
    turns: int = TURNS,
) -> list[Result]:
    """A row for each number of processes and of streams."""
    rows: list[Row] = []
    with progress() as bar, data_folder() as folder:
        asyncio.run(_fill(folder, max(streams), messages, bar))
        for count in workers:
            with listening(folder, {"MODEL_PROVIDER": "offline", "WORKERS": str(count), **QUIET}) as server:
                asyncio.run(_talk(server, max(streams), max(streams), seed=0, bar=bar))  # reads the indexes into memory
                rows += [_row(server, count, each, max(turns, 2 * each), bar) for each in streams]
    return [Result(title=f"streams at once, sessions of {messages} messages, no language model", rows=rows)]


def _row(server: Listening, workers: int, streams: int, turns: int, bar: Progress) -> Row:
    before, began = server.cpu_seconds(), time.perf_counter()
    heard = asyncio.run(_talk(server, streams, turns, seed=workers * 1000 + streams, bar=bar))
    seconds = time.perf_counter() - began
    firsts = [reply.first_ms for reply in heard]
    return {
        "processes": float(workers),
        "streams": float(streams),
        "turns/s": turns / seconds,
        "first token p50 ms": statistics.median(firsts),
        "first token p95 ms": statistics.quantiles(firsts, n=20)[-1],
        "CPU ms a turn": (server.cpu_seconds() - before) / turns * 1000,
    }


async def _talk(server: Listening, streams: int, turns: int, *, seed: int, bar: Progress) -> list[Heard]:
    task = bar.add_task(f"{streams} streams", total=turns)
    asked = [
        (f"/sessions/{_name(number % streams)}/v1/chat/completions", text)
        for number, text in enumerate(questions(turns, seed=seed))
    ]
    heard = await ask_all(server.url, streams, asked, lambda: bar.advance(task))
    bar.remove_task(task)
    return heard


async def _fill(folder: Path, sessions: int, messages: int, bar: Progress) -> None:
    async with filling(folder) as system:
        await alike(system, [_name(number) for number in range(sessions)], messages, bar)


def _name(number: int) -> str:
    return f"crowd-{number}"
