"""Memories that were carried over from other sessions, with their texts."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.events import MemoryCarried, MessageForgotten, SessionErased
from domain.records import Role
from projections.lineage import forget, forgotten_in, in_reach, scope, sweep
from projections.ports import LoggedEvent
from projections.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedMemory:
    """A memory from message `source_version` of session `source_session`."""

    version: int
    session: str
    source_session: str
    source_version: int
    role: Role
    name: str | None
    text: str
    said_at: str
    created: str


class Memories:
    """Carried memories as of any version."""

    name = "memories"
    schema = (
        """CREATE TABLE memories (
            session TEXT NOT NULL, version INTEGER NOT NULL, source_session TEXT NOT NULL,
            source_version INTEGER NOT NULL, role TEXT NOT NULL, name TEXT, text TEXT NOT NULL, said_at TEXT NOT NULL,
            created TEXT NOT NULL, PRIMARY KEY (session, version)
        )""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session, version = event.originator_id.hex, event.originator_version
        match event:
            case MemoryCarried():
                db.execute(
                    "INSERT OR REPLACE INTO memories VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        session,
                        version,
                        event.source_session,
                        event.source_version,
                        event.role,
                        event.name,
                        event.text,
                        event.said_at,
                        event.timestamp.isoformat(),
                    ),
                )
            case MessageForgotten():
                forget(db, "memories", session, forgotten_in(event))
            case SessionErased():
                sweep(db, "memories", session)
            case _:
                pass

    def carried(self, session: UUID, at: int | None = None) -> list[CarriedMemory]:
        """Every carried memory, oldest first."""
        rows = self._views.read().execute(f"{_SELECT} ORDER BY t.version", scope(session, at))
        return [_from_row(row) for row in rows]

    def texts(self, session: UUID, versions: Iterable[int], at: int | None = None) -> dict[int, str]:
        """Texts of carried memories by version."""
        wanted = set(versions)
        return {memory.version: memory.text for memory in self.carried(session, at) if memory.version in wanted}


_SELECT = f"""SELECT t.version, t.session, t.source_session, t.source_version, t.role, t.name, t.text, t.said_at,
    t.created {in_reach("memories")}"""


def _from_row(row: tuple[Any, ...]) -> CarriedMemory:
    version, session, source_session, source_version, role, name, text, said_at, created = row
    return CarriedMemory(
        version=version,
        session=session,
        source_session=source_session,
        source_version=source_version,
        role=role,
        name=name,
        text=text,
        said_at=said_at,
        created=created,
    )
