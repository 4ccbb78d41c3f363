"""The sessions of each owner: what a list of them shows, as of now. The past is the other views'."""

import sqlite3
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.events import (
    MessageForgotten,
    MessageReceived,
    PathChanged,
    ReplyCompleted,
    SessionErased,
    SessionForked,
    SessionStarted,
)
from domain.path import from_ranges
from projections.lineage import SHARING, forgotten_in, held
from projections.ports import LoggedEvent
from projections.views import Views

TITLE_LENGTH = 60

_NAMES = (
    *("session", "external_id", "owner", "user", "title", "title_version", "messages", "version", "created"),
    *("last_activity", "parent", "at", "chain", "position"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEntry:
    """A session in the list. `title` is the beginning of its first user message, `messages` the length of its path.

    `user` is the client's word for who talks, `chain` the head of its hash chain at `version`, `position` that of its
    last event in the log. A fork names its parent and the version it was forked at.
    """

    session: str
    external_id: str
    owner: str
    user: str | None
    title: str | None
    title_version: int | None
    messages: int
    version: int
    created: str
    last_activity: str
    parent: str | None
    at: int | None
    chain: str
    position: int


class Catalogue:
    """Sessions by owner, newest activity first."""

    name = "catalogue"
    schema = (
        """CREATE TABLE sessions (
            session TEXT PRIMARY KEY, external_id TEXT NOT NULL, owner TEXT NOT NULL, user TEXT, title TEXT,
            title_version INTEGER, messages INTEGER NOT NULL, version INTEGER NOT NULL, created TEXT NOT NULL,
            last_activity TEXT NOT NULL, parent TEXT, at INTEGER,
            chain TEXT NOT NULL, position INTEGER NOT NULL
        )""",
        "CREATE INDEX sessions_newest ON sessions (owner, position)",
        "CREATE INDEX sessions_user ON sessions (owner, user, position)",
        "CREATE UNIQUE INDEX sessions_external_id ON sessions (owner, external_id)",
        "CREATE INDEX sessions_parent ON sessions (parent)",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    # -- what events do ------------------------------------------------------------------------------------------------

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session = event.originator_id.hex
        match event:
            case SessionStarted() | SessionForked():
                _begin(db, logged, event)
            case SessionErased():
                db.execute("DELETE FROM sessions WHERE session = ?", (session,))
            case MessageForgotten():
                db.executemany(
                    f"UPDATE sessions SET title = NULL WHERE title_version = :version AND session {SHARING}",
                    held(db, session, forgotten_in(event)),
                )
            case _:
                _count(db, logged)
        db.execute(
            "UPDATE sessions SET version = ?, last_activity = ?, chain = ?, position = ? WHERE session = ?",
            (event.originator_version, event.timestamp.isoformat(), logged.chain, logged.position, session),
        )

    # -- what is read --------------------------------------------------------------------------------------------------

    def forks(self, session: UUID) -> list[SessionEntry]:
        """The sessions that were forked from this one, in the order of where they left it."""
        rows = self._views.read().execute(f"{_SELECT} WHERE parent = ? ORDER BY at, position", (session.hex,))
        return [_from_row(row) for row in rows]

    def list(
        self, owner: str, *, limit: int = 20, after: UUID | None = None, search: str | None = None
    ) -> list[SessionEntry]:
        """The owner's sessions, the one with the latest event first; those behind session `after` in that order; with
        `search`, those whose id or title holds it. Of letters beyond ASCII, large and small ones differ."""
        rows = self._views.read().execute(
            f"""{_SELECT} WHERE owner = :owner AND (:after IS NULL OR position < (
                SELECT position FROM sessions WHERE session = :after AND owner = :owner
            )) AND (:search IS NULL OR instr(lower(external_id || char(10) || coalesce(title, '')), lower(:search)))
            ORDER BY position DESC LIMIT :limit""",
            {"owner": owner, "limit": limit, "after": None if after is None else after.hex, "search": search},
        )
        return [_from_row(row) for row in rows]

    def count(self, owner: str) -> int:
        """How many sessions the owner has."""
        row = self._views.read().execute("SELECT count(*) FROM sessions WHERE owner = ?", (owner,)).fetchone()
        return int(row[0])

    def latest_of_user(self, owner: str, user: str) -> SessionEntry | None:
        """The session with the latest event among those that began with the client's word `user` for who talks."""
        return self._one("owner = ? AND user = ? ORDER BY position DESC LIMIT 1", owner, user)

    def get(self, owner: str, external_id: str) -> SessionEntry | None:
        """The owner's session under the client's name for it."""
        return self._one("owner = ? AND external_id = ?", owner, external_id)

    def by_id(self, session: UUID) -> SessionEntry | None:
        """A session by its stream's id. The caller must compare the owner."""
        return self._one("session = ?", session.hex)

    def _one(self, condition: str, *values: str) -> SessionEntry | None:
        row = self._views.read().execute(f"{_SELECT} WHERE {condition}", values).fetchone()
        return None if row is None else _from_row(row)


_SELECT = f"SELECT {', '.join(_NAMES)} FROM sessions"


def _from_row(row: tuple[Any, ...]) -> SessionEntry:
    return SessionEntry(**dict(zip(_NAMES, row, strict=True)))


def _begin(db: sqlite3.Connection, logged: LoggedEvent, event: SessionStarted | SessionForked) -> None:
    created = event.timestamp.isoformat()
    db.execute(
        """INSERT OR REPLACE INTO sessions
        VALUES (?, ?, ?, ?, NULL, NULL, 0, ?, ?, ?, NULL, NULL, ?, ?)""",
        (
            event.originator_id.hex,
            event.external_id,
            event.owner,
            event.user if isinstance(event, SessionStarted) else None,
            event.originator_version,
            created,
            created,
            logged.chain,
            logged.position,
        ),
    )
    if isinstance(event, SessionForked):
        _inherit(db, event)


def _inherit(db: sqlite3.Connection, event: SessionForked) -> None:
    """A fork shows what its parent showed, as far as that is older than the fork."""
    db.execute(
        """UPDATE sessions SET parent = :parent, at = :at, messages = :messages,
        user = (SELECT user FROM sessions WHERE session = :parent),
        (title, title_version) = (SELECT title, title_version FROM sessions
            WHERE session = :parent AND title_version <= :at)
        WHERE session = :session""",
        {
            "session": event.originator_id.hex,
            "parent": event.parent,
            "at": event.at,
            "messages": len(from_ranges(event.path)),
        },
    )


def _count(db: sqlite3.Connection, logged: LoggedEvent) -> None:
    event = logged.event
    session, version = event.originator_id.hex, event.originator_version
    match event:
        case MessageReceived():
            joins = int(event.origin != "backfilled")
            db.execute("UPDATE sessions SET messages = messages + ? WHERE session = ?", (joins, session))
            if event.role == "user":
                db.execute(
                    "UPDATE sessions SET title = ?, title_version = ? WHERE session = ? AND title_version IS NULL",
                    (_title(event.text), version, session),
                )
        case ReplyCompleted(choice=0):
            db.execute("UPDATE sessions SET messages = messages + 1 WHERE session = ?", (session,))
        case PathChanged(splices=splices):
            change = sum(len(from_ranges(hunk["in"])) - len(from_ranges(hunk["out"])) for hunk in splices)
            db.execute("UPDATE sessions SET messages = messages + ? WHERE session = ?", (change, session))
        case _:
            pass


def _title(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= TITLE_LENGTH else words[:TITLE_LENGTH].rstrip() + "…"
