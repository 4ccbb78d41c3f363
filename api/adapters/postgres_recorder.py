"""The tables of the log in a PostgreSQL database.

A `PostgresApplicationRecorder` of the library, which its own test cases run against; its server-side function for
inserts is not made, for it gives up the lock and with it the order. One row, `log_head`, says which form the tables
have, which position was given last (a sequence would leave gaps where a transaction was rolled back), and by which
embedder those know texts who share the log.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from api.adapters.hash_chain import hex_of, sealed
from api.adapters.log_recorder import SCHEMA_VERSION, Linked, LogCursor, LogRecorder, check_form, envelope
from api.adapters.postgres_datastore import LogDatastore
from projections.ports import StoredVector

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS stored_events (
    position bigint PRIMARY KEY,
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    created text NOT NULL,
    state bytea NOT NULL,
    digest bytea NOT NULL,
    chain bytea NOT NULL,
    UNIQUE (originator_id, originator_version)
)""",
    """CREATE TABLE IF NOT EXISTS vectors (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    part text NOT NULL,
    embedder text NOT NULL,
    vector bytea NOT NULL,
    UNIQUE (session, version, part, embedder)
)""",
    """CREATE TABLE IF NOT EXISTS images (
    sha256 text COLLATE "C" NOT NULL,
    session text COLLATE "C" NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    UNIQUE (sha256, session)
)""",
    """CREATE TABLE IF NOT EXISTS snapshots (
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
)""",
    """CREATE TABLE IF NOT EXISTS log_head (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    form integer NOT NULL,
    position bigint NOT NULL,
    embedder text NOT NULL DEFAULT ''
)""",
    f"INSERT INTO log_head (form, position) VALUES ({SCHEMA_VERSION}, 0) ON CONFLICT DO NOTHING",
)

INSERT_EVENT: Final = """
INSERT INTO stored_events (position, originator_id, originator_version, topic, created, state, digest, chain)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""

_OURS: Final = ("stored_events", "vectors", "images", "snapshots")


class PostgresRecorder(LogRecorder, PostgresApplicationRecorder):
    """Stores events and vectors. Raises the library's IntegrityError for what does not continue its stream, unless it
    is what this very append stored already, over a connection that broke before the answer came."""

    last_given: ClassVar[str] = "SELECT position AS last FROM log_head"

    def __init__(self, datastore: LogDatastore) -> None:
        super().__init__(datastore)
        self.channel_name = datastore.channel
        self._schema = datastore.schema

    def create_table(self) -> None:
        """Make what is missing. Raises Unavailable for tables that are not this program's, and changes nothing then."""
        with self.datastore.transaction(commit=True) as c:
            form = self.form(c)
            for statement in TABLES if form is None else ():
                c.execute(statement)

    def form(self, c: LogCursor) -> int | None:
        c.execute("SELECT tablename FROM pg_tables WHERE schemaname = ?", (self._schema,))
        tables = {row["tablename"] for row in c.fetchall()}
        form: int | None = None
        if "log_head" in tables:
            c.execute("SELECT form FROM log_head")
            row = c.fetchone()
            form = None if row is None else row["form"]
        check_form(form, others=not tables.isdisjoint(_OURS))
        return form

    def rewrite_schema_version(self, c: LogCursor) -> None:
        """One row, and the sync of its commit."""
        c.execute("UPDATE log_head SET form = form")

    def record(self, c: LogCursor, stored: Sequence[StoredEvent], vectors: Sequence[StoredVector]) -> list[int]:
        try:
            return super().record(c, stored, vectors)
        except IntegrityError:
            if (positions := _stored_already(c, stored)) is None:
                raise
            return positions

    def insert_rows(self, c: LogCursor, linked: Sequence[Linked]) -> list[int]:
        c.execute("UPDATE log_head SET position = position + ? RETURNING position", (len(linked),))
        last: int = c.fetchone()["position"]
        positions = list(range(last - len(linked) + 1, last + 1))
        c.executemany(
            INSERT_EVENT,
            [
                (position, *envelope(event), event.state, event.digest, chain)
                for position, (event, chain) in zip(positions, linked, strict=True)
            ],
        )
        return positions

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> list[int]:
        with self.datastore.transaction(commit=True) as c:
            return self._record_events(c, stored_events)


def _stored_already(c: LogCursor, stored: Sequence[StoredEvent]) -> list[int] | None:
    """The positions of these very events where they are there: no two have the same digest, for each is salted."""
    events = [sealed(event) for event in stored]
    first, last = events[0], events[-1]
    c.execute(
        "SELECT position, digest FROM stored_events WHERE originator_id = ? AND originator_version BETWEEN ? AND ? "
        "ORDER BY originator_version",
        (hex_of(first.originator_id), first.originator_version, last.originator_version),
    )
    rows = c.fetchall()
    if [row["digest"] for row in rows] != [event.digest for event in events]:
        return None
    return [row["position"] for row in rows]
