"""The tables of the log on any SQL database: events in one order, gap-free versions, a hash chain; vectors beside them.

Statements are written with `?` for a parameter. A recorder of a database brings what differs there: how it is made, and
how it gives out positions. Order, gaps and chain are decided inside the INSERT's transaction, never before it. Knows
not what an event means.
"""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Final, Protocol
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Notification, PersistenceError, StoredEvent

from api.adapters.hash_chain import Entry, SealedEvent, genesis, hex_of, link, sealed
from api.adapters.log_rows import Row, entry_of, notification_of, stored_of, vector_of
from domain.errors import Unavailable
from projections.ports import LoggedVector, StoredVector

SCHEMA_VERSION: Final = 1

INSERT_VECTOR: Final = """
INSERT INTO vectors (session, version, part, embedder, vector) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""

_FIRST_GAP: Final = """
SELECT min(position) AS gap FROM (SELECT 1 AS position UNION ALL SELECT position + 1 FROM stored_events) AS next
WHERE NOT EXISTS (SELECT 1 FROM stored_events AS held WHERE held.position = next.position)"""

Head = tuple[int, bytes]
Condition = tuple[str, Any]
Linked = tuple[SealedEvent, bytes]
"""An event and the link of its session's chain after it."""


class LogCursor(Protocol):
    """What a transaction is given to work with; rows are read by the names of their columns."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> object: ...

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]], /) -> object: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> Any: ...


class LogDatabase(Protocol):
    """Where the tables lie. Its errors are the library's."""

    own_faults: ClassVar[tuple[type[BaseException], ...]]
    """The driver's errors that only what was asked can be blamed for. Any other (disk, lock) fails a whole batch."""

    def transaction(self, *, commit: bool) -> AbstractContextManager[LogCursor]:
        """Who is going to commit is the only writer from the beginning on, of all processes."""
        ...

    def is_lost(self, error: PersistenceError) -> bool:
        """Whether the connection broke, so that nobody knows what became of the transaction."""
        ...

    def close(self) -> None: ...


class LogRecorder(ApplicationRecorder):
    """Stores events and vectors; stands before the library's recorder for its database.

    Raises the library's IntegrityError for what does not continue its stream.
    """

    datastore: LogDatabase

    columns: ClassVar[str] = "position, originator_id, originator_version, topic, created, state, digest, chain"
    last_given: ClassVar[str]
    """The statement for the highest position that was ever given to an event, as `last`."""

    @abstractmethod
    def form(self, c: LogCursor) -> int | None:
        """The form of the log's tables, None where there are none yet. Raises Unavailable for what is not ours."""

    @abstractmethod
    def insert_rows(self, c: LogCursor, linked: Sequence[Linked]) -> list[int]:
        """Insert events that continue their streams; their positions."""

    @abstractmethod
    def rewrite_schema_version(self, c: LogCursor) -> None:
        """Write what is there already, as little as a write can be."""

    def record(self, c: LogCursor, stored: Sequence[StoredEvent], vectors: Sequence[StoredVector]) -> list[int]:
        """Insert events and vectors; the positions of the events."""
        positions = self._record_events(c, stored)
        if vectors:
            c.executemany(INSERT_VECTOR, [(v.session.hex, v.version, v.part, v.embedder, v.vector) for v in vectors])
        return positions

    def _record_events(self, c: LogCursor, stored_events: Sequence[StoredEvent]) -> list[int]:
        heads: dict[UUID | str, Head] = {}
        linked: list[Linked] = []
        for plain in stored_events:
            stored = sealed(plain)
            version, previous = heads.get(stored.originator_id) or self._head_before(c, plain)
            if stored.originator_version != version + 1:
                stream = hex_of(stored.originator_id)
                raise IntegrityError(f"{stream} is at version {version}, cannot append {stored.originator_version}")
            chain = link(previous, stored)
            heads[stored.originator_id] = (stored.originator_version, chain)
            linked.append((stored, chain))
        return self.insert_rows(c, linked) if linked else []

    def _head_before(self, c: LogCursor, first: StoredEvent) -> Head:
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
        return [entry_of(row) for row in self._rows((("position > ?", position),), limit=limit)]

    def entries_of(self, session: UUID, *, after: int = 0, limit: int | None = None) -> list[Entry]:
        """Events of one stream above a version, in order."""
        conditions = (("originator_id = ?", session.hex), ("originator_version > ?", after))
        return [entry_of(row) for row in self._rows(conditions, order="originator_version", limit=limit)]

    def link_at(self, session: UUID, version: int) -> bytes | None:
        """The link of a stream's chain after a version, or None when it has no such version of its own."""
        with self.datastore.transaction(commit=False) as c:
            return _link_at(c, session, version)

    def streams(self) -> list[UUID]:
        """Every stream, oldest first."""
        rows = self._select("SELECT originator_id FROM stored_events GROUP BY originator_id ORDER BY min(position)")
        try:
            return [UUID(row["originator_id"]) for row in rows]
        except ValueError:
            raise Unavailable("The event log holds an event of no session: somebody put it there.") from None

    def missing_position(self) -> int | None:
        """The first position that was given to an event and is not there: what is taken back was never given."""
        with self.datastore.transaction(commit=False) as c:
            c.execute(_FIRST_GAP)
            gap: int = c.fetchone()["gap"]
            c.execute(self.last_given)
            return gap if gap <= c.fetchone()["last"] else None

    def last_position(self) -> int:
        """Position of the newest event, 0 when there is none."""
        return self.max_notification_id() or 0

    def last_sequence(self) -> int:
        """Sequence of the newest vector, 0 when there is none."""
        return self._select("SELECT max(sequence) AS last FROM vectors")[0]["last"] or 0

    def vectors_after(self, sequence: int, limit: int) -> list[LoggedVector]:
        """Vectors above a sequence, in order."""
        rows = self._select("SELECT * FROM vectors WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, limit))
        return [vector_of(row) for row in rows]

    # -- what the library asks for -------------------------------------------------------------------------------------

    def max_notification_id(self) -> int | None:
        return self._select("SELECT max(position) AS last FROM stored_events")[0]["last"]

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
        return [stored_of(row) for row in self._rows(conditions, order=order, limit=limit)]

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
        return [notification_of(row) for row in rows]

    def _rows(
        self,
        conditions: Sequence[Condition],
        *,
        topics: Sequence[str] = (),
        order: str = "position",
        limit: int | None = None,
    ) -> list[Row]:
        """Rows that meet the conditions; one whose value is None is left out."""
        clauses = [clause for clause, value in conditions if value is not None]
        parameters = [value for _, value in conditions if value is not None]
        if topics:
            clauses.append(f"topic IN ({','.join('?' * len(topics))})")
            parameters += topics
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        if limit is not None:
            parameters.append(limit)
        end = "" if limit is None else "LIMIT ?"
        return self._select(f"SELECT {self.columns} FROM stored_events {where} ORDER BY {order} {end}", parameters)

    def _select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with self.datastore.transaction(commit=False) as c:
            c.execute(statement, parameters)
            return c.fetchall()


def envelope(stored: SealedEvent) -> tuple[str, int, str, str]:
    """An event's columns before its state."""
    return hex_of(stored.originator_id), stored.originator_version, stored.topic, stored.created


def check_form(form: int | None, *, others: bool) -> None:
    """Raises Unavailable for tables that are not this program's: of another form, or, where no form is noted, of
    somebody else (`others` says whether there are any)."""
    if form is None and others:
        raise Unavailable(
            "There are tables of another program where the event log should be: name another (DATA_DIR, EVENT_LOG). "
            "Nothing was changed."
        )
    if form is not None and form > SCHEMA_VERSION:
        raise Unavailable(
            f"The event log was written by a newer Heartline (form {form}, this one knows {SCHEMA_VERSION}): "
            "upgrade Heartline, or name another log (DATA_DIR, EVENT_LOG)."
        )
    if form is not None and form < SCHEMA_VERSION:
        raise Unavailable(
            f"The event log has form {form}, which this Heartline does not read any more (it knows {SCHEMA_VERSION}): "
            "nothing was changed. Export the sessions with the Heartline that wrote it, and import them."
        )


def _forked_at(c: LogCursor, continues: tuple[UUID, int]) -> Head:
    parent, at = continues
    chain = _link_at(c, parent, at)
    if chain is None:
        raise IntegrityError(f"{parent.hex} has no version {at} to continue")
    return at, chain


def _link_at(c: LogCursor, session: UUID, version: int) -> bytes | None:
    c.execute(
        "SELECT chain FROM stored_events WHERE originator_id = ? AND originator_version = ?", (session.hex, version)
    )
    row: Row | None = c.fetchone()
    return None if row is None else row["chain"]
