"""The tables of the log in an SQLite file.

A `SQLiteApplicationRecorder` of the library, which its own test cases run against. AUTOINCREMENT gives no number twice.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, cast

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor

from api.adapters.log_recorder import SCHEMA_VERSION, Linked, LogCursor, LogRecorder, check_form, envelope

EVENTS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS stored_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    created TEXT NOT NULL,
    state BLOB NOT NULL,
    digest BLOB NOT NULL,
    chain BLOB NOT NULL,
    UNIQUE (originator_id, originator_version)
)"""

VECTORS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS vectors (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    version INTEGER NOT NULL,
    part TEXT NOT NULL,
    embedder TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (session, version, part, embedder)
)"""

IMAGES_TABLE: Final = """
CREATE TABLE IF NOT EXISTS images (
    sha256 TEXT NOT NULL,
    session TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (sha256, session)
)"""

SNAPSHOTS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS snapshots (
    originator_id TEXT,
    originator_version INTEGER,
    topic TEXT,
    state BLOB,
    PRIMARY KEY (originator_id, originator_version)
) WITHOUT ROWID"""

INSERT_EVENT: Final = """
INSERT INTO stored_events (originator_id, originator_version, topic, created, state, digest, chain)
VALUES (?, ?, ?, ?, ?, ?, ?)"""

_LAST_GIVEN: Final = """SELECT coalesce(max(last), 0) AS last FROM (SELECT max(position) AS last FROM stored_events
UNION ALL SELECT seq FROM sqlite_sequence WHERE name = 'stored_events')"""


# The library says that there is always a newest event; in an empty file there is none.
class SqliteRecorder(LogRecorder, SQLiteApplicationRecorder):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Stores events and vectors. Raises the library's IntegrityError for what does not continue its stream."""

    # What was written over by hand may be a text now, and one that cannot be decoded.
    columns: ClassVar[str] = """position, originator_id, originator_version, topic, created,
        CAST(state AS BLOB) AS state, CAST(digest AS BLOB) AS digest, CAST(chain AS BLOB) AS chain"""
    last_given: ClassVar[str] = _LAST_GIVEN

    def construct_create_table_statements(self) -> list[str]:
        version = f"PRAGMA user_version={SCHEMA_VERSION}"
        return [EVENTS_TABLE, VECTORS_TABLE, IMAGES_TABLE, SNAPSHOTS_TABLE, version]

    def _create_table(self, c: SQLiteCursor) -> None:
        self.form(c)
        super()._create_table(c)

    def form(self, c: LogCursor) -> int | None:
        c.execute("PRAGMA user_version")
        form: int | None = c.fetchone()[0] or None  # 0 in a file that nobody has written a form into
        c.execute("SELECT count(*) FROM sqlite_master")
        check_form(form, others=c.fetchone()[0] > 0)
        return form

    def rewrite_schema_version(self, c: LogCursor) -> None:
        """A page of the file and nothing else."""
        c.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def insert_rows(self, c: LogCursor, linked: Sequence[Linked]) -> list[int]:
        positions: list[int] = []
        for stored, chain in linked:
            c.execute(INSERT_EVENT, (*envelope(stored), stored.state, stored.digest, chain))
            positions.append(cast("SQLiteCursor", c).lastrowid)
        return positions

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: Any) -> list[int]:
        return self._record_events(c, stored_events)
