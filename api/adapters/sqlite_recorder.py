"""The tables of the log on SQLite: events in one order, gap-free versions, a hash chain; and what lies beside them.

A `SQLiteApplicationRecorder` of the library, which its own test cases run against. Order, gaps and chain are decided
inside the INSERT's transaction, never before it; AUTOINCREMENT gives no number twice. Knows not what an event means.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent
from eventsourcing.sqlite import SQLiteAggregateRecorder, SQLiteApplicationRecorder, SQLiteCursor

from api.adapters.hash_chain import Entry, SealedEvent, genesis, hex_of, link, sealed
from api.adapters.sqlite_images import IMAGES_TABLE
from domain.errors import Unavailable
from projections.ports import LoggedVector, StoredVector

SCHEMA_VERSION: Final = 1

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

INSERT_EVENT: Final = """
INSERT INTO stored_events (originator_id, originator_version, topic, created, state, digest, chain)
VALUES (?, ?, ?, ?, ?, ?, ?)"""

INSERT_VECTOR: Final = """
INSERT OR IGNORE INTO vectors (session, version, part, embedder, vector) VALUES (?, ?, ?, ?, ?)"""

# What was written over by hand may be a text now, and one that cannot be decoded.
_COLUMNS: Final = """position, originator_id, originator_version, topic, created, CAST(state AS BLOB) AS state,
    CAST(digest AS BLOB) AS digest, CAST(chain AS BLOB) AS chain"""

_FIRST_GAP: Final = """
SELECT min(position) AS gap FROM (SELECT 1 AS position UNION ALL SELECT position + 1 FROM stored_events) AS next
WHERE NOT EXISTS (SELECT 1 FROM stored_events AS held WHERE held.position = next.position)"""

_LAST_GIVEN: Final = """SELECT coalesce(max(last), 0) AS last FROM (SELECT max(position) AS last FROM stored_events
UNION ALL SELECT seq FROM sqlite_sequence WHERE name = 'stored_events')"""

Head = tuple[int, bytes]
Condition = tuple[str, Any]

_uuid = lru_cache(maxsize=4096)(UUID)  # a page of rows is of few sessions, and making a UUID costs as much as its JSON


class SqliteRecorder(SQLiteApplicationRecorder):
    """Stores events and vectors. Raises the library's IntegrityError for what does not continue its stream."""

    def construct_create_table_statements(self) -> list[str]:
        return [EVENTS_TABLE, VECTORS_TABLE, IMAGES_TABLE, f"PRAGMA user_version={SCHEMA_VERSION}"]

    def _create_table(self, c: SQLiteCursor) -> None:
        c.execute("PRAGMA user_version")
        found: int = c.fetchone()[0]
        if found > SCHEMA_VERSION:
            raise Unavailable(
                f"The event log was written by a newer Heartline (form {found}, this one knows {SCHEMA_VERSION}): "
                "upgrade Heartline, or name another data directory."
            )
        super()._create_table(c)

    def rewrite_schema_version(self, c: SQLiteCursor) -> None:
        """Write what is there already: a page of the file and nothing else, as little as a write can be."""
        c.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def record(self, c: SQLiteCursor, stored: Sequence[StoredEvent], vectors: Sequence[StoredVector]) -> list[int]:
        """Insert events and vectors; the positions of the events."""
        positions = self._insert_events(c, stored)
        c.executemany(INSERT_VECTOR, [(v.session.hex, v.version, v.part, v.embedder, v.vector) for v in vectors])
        return positions

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: Any) -> list[int]:
        heads: dict[UUID | str, Head] = {}
        positions: list[int] = []
        for plain in stored_events:
            stored = sealed(plain)
            version, previous = heads.get(stored.originator_id) or self._head_before(c, plain)
            if stored.originator_version != version + 1:
                stream = hex_of(stored.originator_id)
                raise IntegrityError(f"{stream} is at version {version}, cannot append {stored.originator_version}")
            chain = link(previous, stored)
            c.execute(INSERT_EVENT, (*_envelope(stored), stored.state, stored.digest, chain))
            heads[stored.originator_id] = (stored.originator_version, chain)
            positions.append(c.lastrowid)
        return positions

    def _head_before(self, c: SQLiteCursor, first: StoredEvent) -> Head:
        """Version and link that an append must continue."""
        stream = hex_of(first.originator_id)
        c.execute(
            "SELECT originator_version, chain FROM stored_events WHERE originator_id = ? "
            "ORDER BY originator_version DESC LIMIT 1",
            (stream,),
        )
        row = c.fetchone()
        if row is not None:
            # A fork whose name is taken could by chance have the very version that the stream there waits for.
            if isinstance(first, SealedEvent) and first.continues is not None:
                raise IntegrityError(f"{stream} has begun already")
            return row["originator_version"], row["chain"]
        if not isinstance(first, SealedEvent):  # the library's own test cases begin streams at 0 or at 1
            return min(first.originator_version, 1) - 1, genesis(first.originator_id)
        if first.continues is None:
            return 0, genesis(first.originator_id)
        return _forked_at(c, first.continues)

    def entries_after(self, position: int, limit: int) -> list[Entry]:
        """Events of the whole log above a position, in order."""
        return [_entry(row) for row in self._rows((("position > ?", position),), limit=limit)]

    def entries_of(self, session: UUID, *, after: int = 0, limit: int | None = None) -> list[Entry]:
        """Events of one stream above a version, in order."""
        conditions = (("originator_id = ?", session.hex), ("originator_version > ?", after))
        return [_entry(row) for row in self._rows(conditions, order="originator_version", limit=limit)]

    def link_at(self, session: UUID, version: int) -> bytes | None:
        """The link of a stream's chain after a version, or None when it has no such version of its own."""
        with self.datastore.transaction(commit=False) as c:
            return _link_at(c, session, version)

    def streams(self) -> list[UUID]:
        """Every stream, oldest first."""
        with self.datastore.transaction(commit=False) as c:
            c.execute("SELECT originator_id FROM stored_events GROUP BY originator_id ORDER BY min(position)")
            try:
                return [UUID(row["originator_id"]) for row in c.fetchall()]
            except ValueError:
                raise Unavailable("The event log holds an event of no session: somebody put it there.") from None

    def missing_position(self) -> int | None:
        """The first position that was given to an event and is not there: what is taken back was never given."""
        with self.datastore.transaction(commit=False) as c:
            c.execute(_FIRST_GAP)
            gap: int = c.fetchone()["gap"]
            c.execute(_LAST_GIVEN)
            return gap if gap <= c.fetchone()["last"] else None

    def last_position(self) -> int:
        """Position of the newest event, 0 when there is none."""
        return self.max_notification_id() or 0

    def last_sequence(self) -> int:
        """Sequence of the newest vector, 0 when there is none."""
        with self.datastore.transaction(commit=False) as c:
            c.execute("SELECT max(sequence) FROM vectors")
            return c.fetchone()[0] or 0

    def vectors_after(self, sequence: int, limit: int) -> list[LoggedVector]:
        """Vectors above a sequence, in order."""
        with self.datastore.transaction(commit=False) as c:
            c.execute("SELECT * FROM vectors WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, limit))
            return [_vector(row) for row in c.fetchall()]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        conditions = (
            ("originator_id = ?", hex_of(originator_id)),
            ("originator_version > ?", gt),
            ("originator_version <= ?", lte),
        )
        order = f"originator_version {'DESC' if desc else 'ASC'}"
        return [_stored(row) for row in self._rows(conditions, order=order, limit=limit)]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        conditions = ((f"position {'>=' if inclusive_of_start else '>'} ?", start), ("position <= ?", stop))
        rows = self._rows(conditions, topics=topics, limit=limit)
        return [_notification(row) for row in rows]

    def _rows(
        self,
        conditions: Sequence[Condition],
        *,
        topics: Sequence[str] = (),
        order: str = "position",
        limit: int | None = None,
    ) -> list[Mapping[str, Any]]:
        """Rows that meet the conditions; one whose value is None is left out."""
        clauses = [clause for clause, value in conditions if value is not None]
        parameters = [value for _, value in conditions if value is not None]
        if topics:
            clauses.append(f"topic IN ({','.join('?' * len(topics))})")
            parameters += topics
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        statement = f"SELECT {_COLUMNS} FROM stored_events {where} ORDER BY {order} LIMIT ?"
        with self.datastore.transaction(commit=False) as c:
            c.execute(statement, (*parameters, -1 if limit is None else limit))
            return c.fetchall()


class SnapshotRecorder(SQLiteAggregateRecorder):
    """Stores snapshots, of which a reader sees only those of its own form (topic). `topic` empty: all of them."""

    def __init__(self, datastore: Any, *, topic: str = "") -> None:
        super().__init__(datastore, events_table_name="snapshots")
        if topic:
            self.select_events_statement += f"AND topic = '{topic}' "

    def replace(self, c: SQLiteCursor, snapshot: StoredEvent) -> None:
        """Store a stream's snapshot in the place of its older ones, inside the caller's transaction."""
        c.execute("DELETE FROM snapshots WHERE originator_id = ?", (hex_of(snapshot.originator_id),))
        self._insert_events(c, [snapshot])


def _envelope(stored: SealedEvent) -> tuple[str, int, str, str]:
    return hex_of(stored.originator_id), stored.originator_version, stored.topic, stored.created


def _forked_at(c: SQLiteCursor, continues: tuple[UUID, int]) -> Head:
    parent, at = continues
    chain = _link_at(c, parent, at)
    if chain is None:
        raise IntegrityError(f"{parent.hex} has no version {at} to continue")
    return at, chain


def _link_at(c: SQLiteCursor, session: UUID, version: int) -> bytes | None:
    c.execute(
        "SELECT chain FROM stored_events WHERE originator_id = ? AND originator_version = ?", (session.hex, version)
    )
    row: Mapping[str, Any] | None = c.fetchone()
    return None if row is None else row["chain"]


def _stored(row: Mapping[str, Any]) -> StoredEvent:
    """As it was given: a plain event of the library comes back as one."""
    if row["created"]:
        return _entry(row).stored
    return StoredEvent(_uuid(row["originator_id"]), row["originator_version"], row["topic"], row["state"])


def _entry(row: Mapping[str, Any]) -> Entry:
    stored = SealedEvent(
        originator_id=_uuid(row["originator_id"]),
        originator_version=row["originator_version"],
        topic=row["topic"],
        state=row["state"],
        created=row["created"],
        digest=row["digest"],
    )
    return Entry(position=row["position"], chain=row["chain"], stored=stored)


def _notification(row: Mapping[str, Any]) -> Notification:
    return Notification(
        id=row["position"],
        originator_id=_uuid(row["originator_id"]),
        originator_version=row["originator_version"],
        topic=row["topic"],
        state=row["state"],
    )


def _vector(row: Mapping[str, Any]) -> LoggedVector:
    stored = StoredVector(
        session=_uuid(row["session"]),
        version=row["version"],
        part=row["part"],
        embedder=row["embedder"],
        vector=row["vector"],
    )
    return LoggedVector(sequence=row["sequence"], stored=stored)
