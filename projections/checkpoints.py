"""How far the views have read: one row for each view, one for the log, one for the vectors' feed.

They are stored in the transaction of the rows they speak of, so a view and its checkpoint never disagree.
"""

import sqlite3
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass

SCHEMA = """CREATE TABLE checkpoints (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, chain TEXT, stopped_at INTEGER, error TEXT
) WITHOUT ROWID"""

LOG = "log"
VECTORS = "vectors feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Events up to `position` are applied. A view that met an event it cannot apply says where it stopped, and why.

    `chain` is the hash chain's head at that event (the log's row only): it tells a log that was restored
    and grew again.
    """

    name: str
    position: int = 0
    chain: str | None = None
    stopped_at: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerStatus:
    """Where the views stand: one checkpoint each. `lag` is how far the log's end is ahead, in positions."""

    position: int
    sequence: int
    lag: int
    running: bool
    error: str | None
    """Why nothing is taken in at present, while the log or the disk fails; it is tried again and again."""
    views: tuple[Checkpoint, ...]

    @property
    def healthy(self) -> bool:
        return self.running and self.error is None and all(view.stopped_at is None for view in self.views)


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody who waits until both feeds are applied so far."""

    position: int
    sequence: int
    future: "Future[None]"


def load(db: sqlite3.Connection) -> dict[str, Checkpoint]:
    """All checkpoints by name; what has none has read nothing."""
    rows = db.execute("SELECT name, position, chain, stopped_at, error FROM checkpoints")
    return {
        name: Checkpoint(name=name, position=position, chain=chain, stopped_at=stopped_at, error=error)
        for name, position, chain, stopped_at, error in rows
    }


def store(db: sqlite3.Connection, checkpoints: Iterable[Checkpoint]) -> None:
    """Write them within the caller's transaction."""
    db.executemany(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)",
        [(c.name, c.position, c.chain, c.stopped_at, c.error) for c in checkpoints],
    )
