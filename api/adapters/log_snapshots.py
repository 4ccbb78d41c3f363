"""Where snapshots lie: a table beside the log. What is in them, `snapshots.py` says."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import AggregateRecorder, StoredEvent

from api.adapters.hash_chain import hex_of
from api.adapters.log_recorder import LogCursor, LogDatabase

_INSERT = "INSERT INTO snapshots (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"


class SnapshotRecorder(AggregateRecorder):
    """Stores snapshots, of which a reader sees only those of its own form (topic). `topic` empty: all of them."""

    def __init__(self, datastore: LogDatabase, *, topic: str = "") -> None:
        super().__init__()
        self._datastore = datastore
        self._topic = topic

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> None:
        with self._datastore.transaction(commit=True) as c:
            self._insert(c, stored_events)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        given = (("originator_version > ?", gt), ("originator_version <= ?", lte), ("topic = ?", self._topic or None))
        clauses = ["originator_id = ?", *(clause for clause, value in given if value is not None)]
        parameters = [hex_of(originator_id), *(value for _, value in given if value is not None)]
        order = f"ORDER BY originator_version {'DESC' if desc else 'ASC'} {'' if limit is None else 'LIMIT ?'}"
        statement = f"SELECT originator_version, topic, state FROM snapshots WHERE {' AND '.join(clauses)} {order}"
        with self._datastore.transaction(commit=False) as c:
            c.execute(statement, parameters if limit is None else [*parameters, limit])
            rows = c.fetchall()
        return [StoredEvent(originator_id, row["originator_version"], row["topic"], row["state"]) for row in rows]

    def replace(self, c: LogCursor, snapshot: StoredEvent) -> None:
        """Store a stream's snapshot in the place of its older ones, inside the caller's transaction."""
        c.execute("DELETE FROM snapshots WHERE originator_id = ?", (hex_of(snapshot.originator_id),))
        self._insert(c, [snapshot])

    def _insert(self, c: LogCursor, snapshots: Sequence[StoredEvent]) -> None:
        c.executemany(_INSERT, [(hex_of(s.originator_id), s.originator_version, s.topic, s.state) for s in snapshots])
