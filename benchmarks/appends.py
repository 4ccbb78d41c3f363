"""Appends a second with 1 and 50 writers, every one synced to disk, against bare sqlite3 on the same disk."""

import asyncio
import sqlite3
import statistics
import time
from pathlib import Path
from typing import Final

from api.adapters.sqlite_log import SqliteEventLog
from benchmarks.report import Result, Row
from benchmarks.sessions import data_folder, progress
from domain.messages import Message
from domain.operations import Append
from domain.session import Session

SECONDS: Final = 1.5
ROUNDS: Final = 5
"""The disk changes its pace: each is measured this often, in turn, and the median counts."""
WRITERS: Final = (1, 50)
TEXT: Final = "We met at the market by the river, and she told me about the boat. " * 4


def measure(*, seconds: float = SECONDS, rounds: int = ROUNDS) -> list[Result]:
    """Events a second, and the ratio to bare sqlite3 with the same durability in the same run."""
    rates: dict[str, list[float]] = {}
    with data_folder() as folder, progress() as bar:
        for number in bar.track(range(rounds), description="appending"):
            for name, rate in _round(folder / str(number), seconds).items():
                rates.setdefault(name, []).append(rate)
    bare = statistics.median(rates["bare sqlite3, 1 writer"])
    rows: list[Row] = [
        {"what": name, "events/s": statistics.median(found), "ratio": statistics.median(found) / bare}
        for name, found in rates.items()
    ]
    return [Result(title="appends, each event durable before the next of its writer", rows=rows)]


def _round(folder: Path, seconds: float) -> dict[str, float]:
    folder.mkdir()
    logs = {
        f"event log, {writers} writer{'s' if writers > 1 else ''}": asyncio.run(
            _log(folder / f"{writers}.sqlite", writers, seconds)
        )
        for writers in WRITERS
    }
    return {"bare sqlite3, 1 writer": _bare(folder / "bare.sqlite", seconds), **logs}


def _bare(file: Path, seconds: float) -> float:
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, text TEXT)")

    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        db.execute("INSERT INTO events (text) VALUES (?)", (TEXT,))
        count += 1
    db.close()
    return count / seconds


async def _log(file: Path, writers: int, seconds: float) -> float:
    log = SqliteEventLog(file)
    end = time.perf_counter() + seconds
    counts = await asyncio.gather(*(_write(log, f"s{writer}", end) for writer in range(writers)))
    await log.close()
    return sum(counts) / seconds


async def _write(log: SqliteEventLog, name: str, end: float) -> int:
    session = Session.start(owner="local", external_id=name, identified_by="path")
    count = 0
    while time.perf_counter() < end:
        before = session.version - len(session.pending_events)
        session.receive(turn=None, operations=[Append(Message(role="user", text=TEXT, said_at="2026-01-01T00:00:00Z"))])
        await log.append(session.id, before, session.collect())
        count += 1
    return count
