"""The messages of the sessions and the path through them, now and as of any version.

Messages (`messages.py`) are rows of the session whose event brought them; which of them are in view is only ever read
from the spans (`spans.py`). A fork's spans name its ancestors' messages.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from uuid import UUID

import orjson

from domain.events import (
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    PathChanged,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SessionForked,
    SessionStarted,
)
from projections import messages, spans
from projections.lineage import forgotten_in, named_in_reach, naming, scope, sweep
from projections.messages import PathMessage
from projections.ports import LoggedEvent
from projections.views import OPEN, Views


def _on_path(chosen: str) -> str:
    """Messages of the chosen spans, oldest first. Choosing first keeps the texts out of the sorting."""
    return f"""SELECT {messages.columns("m")} FROM (SELECT * FROM spans s WHERE {chosen}) s
        CROSS JOIN messages m ON m.session = s.origin AND m.version = s.message ORDER BY s.ordinal"""


_BY_KEY = f"""FROM json_each(:keys) k CROSS JOIN messages m ON m.key = k.value
    JOIN spans s ON s.origin = m.session AND s.message = m.version AND s.until_version = {OPEN}
    JOIN conversations c ON c.session = s.session AND c.owner = :owner"""


class Conversation:
    """Messages, and the path as of any version."""

    name = "conversation"
    schema = (
        """CREATE TABLE conversations (
            session TEXT PRIMARY KEY, owner TEXT NOT NULL, position INTEGER NOT NULL
        ) WITHOUT ROWID""",
        # One row: where something was forgotten last.
        "CREATE TABLE forgettings (id INTEGER PRIMARY KEY, position INTEGER NOT NULL)",
        *messages.SCHEMA,
        *spans.SCHEMA,
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    # -- what events do ------------------------------------------------------------------------------------------------

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session, version = event.originator_id.hex, event.originator_version
        match event:
            case SessionStarted():
                _begin(db, session, event.owner)
            case SessionForked():
                _begin(db, session, event.owner)
                spans.copy(db, session, parent=event.parent, at=event.at)
            case PathChanged():
                spans.splice(db, session, version, event.splices)
            case MessageForgotten():
                messages.blank(db, session, forgotten_in(event))
                _note_forgetting(db, logged.position)
            case SessionErased():
                sweep(db, "messages", session)
                spans.erase(db, session, version)
                db.execute("DELETE FROM conversations WHERE session = ?", (session,))
                _note_forgetting(db, logged.position)
            case MessageReceived(origin="client" | "imported") | ReplyCompleted(choice=0):
                messages.store(db, event)
                spans.append(db, session, version)
            case MessageReceived() | ReplyCompleted() | MessageEdited() | ReplyExtended():
                messages.store(db, event)
            case _:
                return
        db.execute("UPDATE conversations SET position = ? WHERE session = ?", (logged.position, session))

    # -- what is read --------------------------------------------------------------------------------------------------

    def path(self, session: UUID, at: int | None = None) -> list[int]:
        """The versions in view, in order; empty when there is no such session."""
        rows = self._views.read().execute(
            f"SELECT s.message FROM spans s WHERE {spans.in_view(at)} ORDER BY s.ordinal", scope(session, at)
        )
        return [message for (message,) in rows]

    def tail(self, session: UUID, count: int, at: int | None = None) -> list[PathMessage]:
        """The last `count` messages in view, oldest first."""
        rows = self._views.read().execute(
            _on_path(f"{spans.in_view(at)} ORDER BY s.ordinal DESC LIMIT :count"), scope(session, at, count=count)
        )
        return [messages.from_row(row) for row in rows]

    def messages(
        self, session: UUID, at: int | None = None, *, after: int | None = None, limit: int = -1
    ) -> list[PathMessage]:
        """The messages in view from the root on, or those behind message `after`: none if that is not in view."""
        behind = ""
        if after is not None:
            behind = f"AND s.ordinal > (SELECT s.ordinal FROM spans s WHERE {spans.in_view(at)} AND s.message = :after)"
        rows = self._views.read().execute(
            _on_path(f"{spans.in_view(at)} {behind} ORDER BY s.ordinal LIMIT :limit"),
            scope(session, at, after=after, limit=limit),
        )
        return [messages.from_row(row) for row in rows]

    def find(self, session: UUID, versions: Iterable[int], at: int | None = None) -> dict[int, PathMessage]:
        """Messages by version, whether on a path or not, the ancestors' too."""
        rows = self._views.read().execute(
            f"SELECT {messages.columns('t')} {named_in_reach('messages')}",
            scope(session, at, versions=naming(versions)),
        )
        return {row[0]: messages.from_row(row) for row in rows}

    def texts(self, session: UUID, versions: Iterable[int], at: int | None = None) -> dict[int, str]:
        """Texts of messages by version, whether on a path or not; forgotten ones are missing."""
        found = self.find(session, versions, at)
        return {version: message.text for version, message in found.items() if not message.forgotten}

    def last_forgetting(self) -> int:
        """The position at which anything of any session was forgotten or erased last; 0 when nothing ever was."""
        row = self._views.read().execute("SELECT position FROM forgettings").fetchone()
        return 0 if row is None else row[0]

    def find_session_by_reply(self, owner: str, reply: str, limit: int = 5) -> list[str]:
        """The owner's sessions on whose present path a reply of ours has this key, the latest active first."""
        rows = self._views.read().execute(
            f"""SELECT DISTINCT c.session, c.position {_BY_KEY} AND m.origin = 'model'
            ORDER BY c.position DESC LIMIT :limit""",
            {"owner": owner, "keys": _json_keys([reply]), "limit": limit},
        )
        return [session for session, _ in rows]

    def find_sessions_by_keys(self, owner: str, keys: Sequence[str], limit: int = 5) -> list[tuple[str, int]]:
        """The owner's sessions with the most of these keys on their present path, and how many of them.

        Among equals the latest active comes first.
        """
        rows = self._views.read().execute(
            f"""SELECT c.session, count(DISTINCT m.key) AS matches {_BY_KEY}
            GROUP BY c.session ORDER BY matches DESC, c.position DESC LIMIT :limit""",
            {"owner": owner, "keys": _json_keys(keys), "limit": limit},
        )
        return rows.fetchall()


def _begin(db: sqlite3.Connection, session: str, owner: str) -> None:
    db.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?, 0)", (session, owner))


def _note_forgetting(db: sqlite3.Connection, position: int) -> None:
    db.execute("INSERT OR REPLACE INTO forgettings VALUES (0, ?)", (position,))


def _json_keys(keys: Sequence[str]) -> str:
    return orjson.dumps([messages.index_key(text_key) for text_key in keys]).decode()
