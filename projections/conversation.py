"""The messages of the sessions and the path through them, now and as of any version.

Messages (`messages.py`) are rows of the session whose event brought them; which of them are in view is only ever read
from the spans (`spans.py`). A fork's spans name its ancestors' messages.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

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
from domain.known import Familiar
from projections import messages, spans
from projections.lineage import forgotten_in, in_reach, named_in_reach, naming, scope, sweep
from projections.messages import PathMessage
from projections.ports import LoggedEvent
from projections.views import OPEN, Views


def _on_path(chosen: str) -> str:
    """Messages of the chosen spans, oldest first. Choosing first keeps the texts out of the sorting."""
    return f"""SELECT {messages.columns("m")} FROM (SELECT * FROM spans s WHERE {chosen}) s
        CROSS JOIN messages m ON m.session = s.origin AND m.version = s.message ORDER BY s.ordinal"""


_LEFT = """SELECT s.message, s.ordinal, max(s.until_version) FROM reach l CROSS JOIN spans s ON s.session = l.origin
    AND s.until_version > l.after_version AND s.until_version <= min(l.upto_version, :at)
    WHERE l.session = :session GROUP BY s.message"""

_BY_KEY = """FROM messages m INDEXED BY messages_key CROSS JOIN reach l ON l.origin = m.session
    AND m.version > l.after_version AND m.version <= l.upto_version WHERE m.owner = :owner AND m.key = :key"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """A message that is not in view. `after` is the message in view behind which it stood, None at the beginning;
    `left` the version at which it went, None where it was never taken."""

    message: PathMessage
    after: int | None
    left: int | None


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
                spans.copy(db, event)
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

    def unforgotten(self, session: UUID, at: int | None = None) -> list[int]:
        """The path without what was forgotten since: what it can be made again."""
        path = self.path(session, at)
        if not self.last_forgetting():
            return path
        gone = {version for version, message in self.find(session, path).items() if message.forgotten}
        return [version for version in path if version not in gone]

    def tail(self, session: UUID, count: int, at: int | None = None) -> list[PathMessage]:
        """The last `count` messages in view, oldest first."""
        rows = self._views.read().execute(
            _on_path(f"{spans.in_view(at)} ORDER BY s.ordinal DESC LIMIT :count"), scope(session, at, count=count)
        )
        return [messages.from_row(row) for row in rows]

    def messages(
        self, session: UUID, at: int | None = None, *, after: int | None = None, offset: int = 0, limit: int = -1
    ) -> list[PathMessage]:
        """The messages in view from the root on, or those behind message `after`: none if that is not in view. The
        first `offset` of them are left out."""
        behind = ""
        if after is not None:
            behind = f"AND s.ordinal > (SELECT s.ordinal FROM spans s WHERE {spans.in_view(at)} AND s.message = :after)"
        rows = self._views.read().execute(
            _on_path(f"{spans.in_view(at)} {behind} ORDER BY s.ordinal LIMIT :limit OFFSET :offset"),
            scope(session, at, after=after, limit=limit, offset=offset),
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

    def siblings(self, session: UUID, at: int | None = None) -> list[Sibling]:
        """The messages that are not in view and stood, or might have stood, beside those that are, in the order of
        their places; choices of a turn that were not taken among them."""
        db, asked = self._views.read(), scope(session, at)
        rows = db.execute(
            f"SELECT s.message, s.ordinal FROM spans s WHERE {spans.in_view(at)} ORDER BY s.ordinal", asked
        )
        path: dict[int, int] = dict(rows.fetchall())
        gone: dict[int, tuple[int, int]] = {
            message: (ordinal, until) for message, ordinal, until in db.execute(_LEFT, asked) if message not in path
        }
        places = path | {message: ordinal for message, (ordinal, _) in gone.items()}
        choices = db.execute(
            f"SELECT t.version, t.turn {in_reach('messages')} WHERE t.origin = 'model' ORDER BY t.version", asked
        ).fetchall()
        first = {turn: places[version] for version, turn in reversed(choices) if version in places}
        aside = {version: first[turn] for version, turn in choices if version not in places and turn in first}
        return self._placed(session, path, gone, aside)

    def _placed(
        self, session: UUID, path: dict[int, int], gone: dict[int, tuple[int, int]], aside: dict[int, int]
    ) -> list[Sibling]:
        """Siblings by where they stood: `path` and `aside` give ordinals, `gone` also when the place was left."""
        ordinals, versions = list(path.values()), list(path)
        found = self.find(session, [*gone, *aside])
        at = {**{version: ordinal for version, (ordinal, _) in gone.items()}, **aside}

        def sibling(version: int) -> Sibling:
            before = bisect_left(ordinals, at[version])
            left = gone[version][1] if version in gone else None
            return Sibling(message=found[version], after=versions[before - 1] if before else None, left=left)

        return [sibling(version) for version in sorted(found, key=lambda version: (at[version], version))]

    def left(self, session: UUID, message: int, at: int) -> int | None:
        """The version at which the message left the path last, as of `at`; None when it never stood there."""
        row = self._views.read().execute(
            """SELECT max(s.until_version) FROM reach o
            CROSS JOIN reach l ON l.session = o.session
            CROSS JOIN spans s INDEXED BY spans_message ON s.session = l.origin AND s.message = :message
            AND s.origin = o.origin
            WHERE o.session = :session AND :message > o.after_version AND :message <= o.upto_version
            AND s.until_version <= min(:at, l.upto_version)""",
            scope(session, at, message=message),
        )
        return row.fetchone()[0]

    def last_forgetting(self) -> int:
        """The position at which anything of any session was forgotten or erased last; 0 when nothing ever was."""
        row = self._views.read().execute("SELECT position FROM forgettings").fetchone()
        return 0 if row is None else row[0]

    def familiar(self, session: UUID, after: int = 0) -> dict[int, Familiar]:
        """The messages above version `after`, on a path or not, without their texts. A forgotten one equals nothing."""
        rows = self._views.read().execute(
            f"""SELECT t.version, t.role, coalesce(t.key, -t.version), t.origin = 'model', t.name
            {in_reach("messages")} WHERE t.version > :after ORDER BY t.version""",
            scope(session, None, after=after),
        )
        return {version: Familiar(role, key, bool(ours), name) for version, role, key, ours, name in rows}

    def former_path(self, session: UUID, message: int) -> list[int]:
        """The path on which the message stood last; empty if it never stood on one."""
        (until,) = (
            self._views.read()
            .execute(
                """SELECT max(min(s.until_version - 1, l.upto_version)) FROM reach o
                CROSS JOIN reach l ON l.session = o.session
                CROSS JOIN spans s INDEXED BY spans_message ON s.session = l.origin AND s.message = :message
                AND s.origin = o.origin
                WHERE o.session = :session AND :message > o.after_version AND :message <= o.upto_version
                AND s.from_version <= l.upto_version""",
                {"session": session.hex, "message": message},
            )
            .fetchone()
        )
        return [] if until is None else self.path(session, None if until >= OPEN - 1 else until)

    def sessions_with(self, owner: str, key: int, limit: int) -> dict[str, bool]:
        """The owner's sessions that know a message of this key, on a path or not, those that heard it latest first;
        and whether it was a reply of ours. Of those that have it twice the reply counts."""
        rows = self._views.read().execute(
            f"SELECT l.session, m.origin = 'model' {_BY_KEY} ORDER BY m.rowid DESC LIMIT :limit",
            {"owner": owner, "key": key, "limit": limit},
        )
        found: dict[str, bool] = {}
        for session, ours in rows:
            found[session] = found.get(session, False) or bool(ours)
        return found


def _begin(db: sqlite3.Connection, session: str, owner: str) -> None:
    db.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?, 0)", (session, owner))


def _note_forgetting(db: sqlite3.Connection, position: int) -> None:
    db.execute("INSERT OR REPLACE INTO forgettings VALUES (0, ?)", (position,))
