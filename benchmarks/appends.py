"""Appends a second with 1 and 50 writers, every one synced to disk, against bare sqlite3 on the same disk."""

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Final

from api.adapters.sqlite_log import SqliteEventLog
from domain.messages import Message
from domain.session import Session
from domain.transcript import Append

SECONDS: Final = 3.0
TEXT: Final = "We met at the market by the river, and she told me about the boat. " * 4


def measure() -> list[dict[str, str | float]]:
    """Events a second, and the ratio to bare sqlite3 with the same durability in the same run."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        bare = _bare(Path(folder) / "bare.sqlite")
        rates = {writers: asyncio.run(_log(Path(folder) / f"{writers}.sqlite", writers)) for writers in (1, 50)}
    rows: list[dict[str, str | float]] = [{"what": "bare sqlite3, 1 writer", "events/s": bare, "ratio": 1.0}]
    rows += [
        {"what": f"event log, {writers} writer{'s' if writers > 1 else ''}", "events/s": rate, "ratio": rate / bare}
        for writers, rate in rates.items()
    ]
    return rows


def _bare(file: Path) -> float:
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, text TEXT)")
    count, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        db.execute("INSERT INTO events (text) VALUES (?)", (TEXT,))
        count += 1
    db.close()
    return count / SECONDS


async def _log(file: Path, writers: int) -> float:
    log = SqliteEventLog(file)
    end = time.perf_counter() + SECONDS
    counts = await asyncio.gather(*(_write(log, f"s{writer}", end) for writer in range(writers)))
    await log.close()
    return sum(counts) / SECONDS


async def _write(log: SqliteEventLog, name: str, end: float) -> int:
    session = Session.start(owner="local", external_id=name, identified_by="path")
    count = 0
    while time.perf_counter() < end:
        before = session.version - len(session.pending_events)
        session.receive(turn=None, operations=[Append(Message(role="user", text=TEXT, said_at="2026-01-01T00:00:00Z"))])
        await log.append(session.id, before, session.collect())
        count += 1
    return count
