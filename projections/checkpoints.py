"""How far the views have read: one row for each view, one for the log, one for the vectors' feed.

They are stored in the transaction of the rows they speak of, so a view and its checkpoint never disagree.
"""

import sqlite3
from collections.abc import Iterable
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
