"""Seconds from the command to the first answer, and memory, with no session and with 1,000 of them."""

import asyncio
from pathlib import Path
from time import monotonic
from typing import Final

import psutil

from benchmarks.caller import Caller
from benchmarks.chat import questions
from benchmarks.console import Listening, listening
from benchmarks.report import Result, Row
from benchmarks.sessions import QUIET, converse, data_folder, filling, fork, progress
from benchmarks.upstream import upstream

SESSIONS: Final = 1000
MESSAGES: Final = 20


def measure(*, sessions: int = SESSIONS, messages: int = MESSAGES) -> list[Result]:
    """A start on an empty folder, and one on a folder with sessions, each of which then has a turn."""
    with upstream() as model:
        with data_folder() as folder:
            rows = [_started(folder, model, 0)]
        with data_folder() as folder:
            asyncio.run(_fill(folder, sessions, messages))
            rows.append(_started(folder, model, sessions))
    return [Result(title=f"starts, sessions of {messages} messages", rows=rows)]


def _started(folder: Path, model: str, sessions: int) -> Row:
    with listening(folder, {"MODEL_PROVIDER": "openai", "OPENAI_BASE_URL": model, **QUIET}) as server:
        answering = _memory(server)
        began = monotonic()
        asyncio.run(_talk(server, ["first"]))
        first = monotonic() - began
        warm = _memory(server)
        asyncio.run(_talk(server, [_name(number) for number in range(sessions)]))
        return {
            "sessions": float(sessions),
            "answering after s": server.start_seconds,
            "first turn s": first,
            "memory answering MiB": answering,
            "with the embedding model MiB": warm,
            "after a turn in each MiB": _memory(server),
        }


async def _fill(folder: Path, sessions: int, messages: int) -> None:
    with progress() as bar:
        async with filling(folder) as system:
            original = await converse(system, _name(0), messages, bar)
            for number in bar.track(range(1, sessions), description="making sessions"):
                await fork(system, original.id, _name(number))


async def _talk(server: Listening, names: list[str]) -> None:
    caller = await Caller.connected(server.url)
    with progress() as bar:
        for name, text in bar.track(zip(names, questions(len(names)), strict=True), total=len(names)):
            await caller.ask(f"/sessions/{name}/v1/chat/completions", text)
    await caller.close()


def _memory(server: Listening) -> float:
    return psutil.Process(server.process.pid).memory_info().rss / 2**20


def _name(number: int) -> str:
    return f"bench-{number}"
