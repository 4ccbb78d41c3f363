"""Seconds from the command to the first answer, and memory, with no session, with 1,000 and with 10,000 of them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final

import psutil

from benchmarks.caller import Caller
from benchmarks.chat import questions
from benchmarks.console import Listening, listening
from benchmarks.report import Result, Row
from benchmarks.sessions import QUIET, alike, data_folder, filling, progress
from benchmarks.upstream import upstream

SESSIONS: Final = (0, 1000, 10_000)
WARM: Final = 100
MESSAGES: Final = 20


def measure(*, sessions: Sequence[int] = SESSIONS, messages: int = MESSAGES, warm: int = WARM) -> list[Result]:
    """A start on a folder with so many sessions, `warm` of which then have a turn."""
    rows: list[Row] = []
    for known in sessions:
        with upstream() as model, data_folder() as folder:
            asyncio.run(_fill(folder, known, messages))
            rows.append(_started(folder, model, known, min(known, warm)))
    return [Result(title=f"starts, sessions of {messages} messages", rows=rows)]


def _started(folder: Path, model: str, sessions: int, warm: int) -> Row:
    with listening(folder, {"MODEL_PROVIDER": "openai", "OPENAI_BASE_URL": model, **QUIET}) as server:
        answering = _memory(server)
        began = monotonic()
        asyncio.run(_talk(server, ["first"]))
        first = monotonic() - began
        encoding = _memory(server)
        asyncio.run(_talk(server, [_name(number) for number in range(warm)]))
        return {
            "sessions": float(sessions),
            "answering after s": server.start_seconds,
            "first turn s": first,
            "memory answering MiB": answering,
            "with the embedding model MiB": encoding,
            "sessions warm": float(warm),
            "with those warm MiB": _memory(server),
        }


async def _fill(folder: Path, sessions: int, messages: int) -> None:
    if not sessions:
        return
    with progress() as bar:
        async with filling(folder) as system:
            await alike(system, [_name(number) for number in range(sessions)], messages, bar)


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
