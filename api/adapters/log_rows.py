"""Rows of the log's tables, read by the names of their columns, as what they stand for."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from api.adapters.hash_chain import Entry, SealedEvent
from projections.ports import LoggedVector, StoredVector

Row = Mapping[str, Any]

_uuid = lru_cache(maxsize=4096)(UUID)  # a page of rows is of few sessions, and making a UUID costs as much as its JSON


def stored_of(row: Row) -> StoredEvent:
    """As it was given: a plain event of the library comes back as one."""
    if row["created"]:
        return entry_of(row).stored
    return StoredEvent(_uuid(row["originator_id"]), row["originator_version"], row["topic"], row["state"])


def entry_of(row: Row) -> Entry:
    stored = SealedEvent(
        originator_id=_uuid(row["originator_id"]),
        originator_version=row["originator_version"],
        topic=row["topic"],
        state=row["state"],
        created=row["created"],
        digest=row["digest"],
    )
    return Entry(position=row["position"], chain=row["chain"], stored=stored)


def notification_of(row: Row) -> Notification:
    return Notification(
        id=row["position"],
        originator_id=_uuid(row["originator_id"]),
        originator_version=row["originator_version"],
        topic=row["topic"],
        state=row["state"],
    )


def vector_of(row: Row) -> LoggedVector:
    stored = StoredVector(
        session=_uuid(row["session"]),
        version=row["version"],
        part=row["part"],
        embedder=row["embedder"],
        vector=row["vector"],
    )
    return LoggedVector(sequence=row["sequence"], stored=stored)
