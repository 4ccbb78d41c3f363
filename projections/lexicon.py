"""The rows of the lexical index: which stems a message and its speaker's name have, how often, and how many they are.

Scores are not kept here: they depend on the path that is asked about.
"""

import sqlite3
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import orjson

from domain.events import (
    MemoryCarried,
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
)
from projections.lineage import forget, forgotten_in, in_reach, origins, scope, sweep
from projections.ports import LoggedEvent
from projections.stemming import stems
from projections.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The stems of a message or carried memory and their counts; `length` is their sum."""

    version: int
    session: str
    length: int
    terms: dict[str, int]


class Lexicon:
    """Stems of every message that may be recalled, on a path or not."""

    name = "lexicon"
    schema = (
        """CREATE TABLE terms (
            session TEXT NOT NULL, version INTEGER NOT NULL, length INTEGER NOT NULL, terms BLOB NOT NULL,
            speaker TEXT, PRIMARY KEY (session, version)
        )""",
        """CREATE TABLE speakers (
            session TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (session, name)
        ) WITHOUT ROWID""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session = event.originator_id.hex
        match event:
            case MessageReceived(role="tool"):
                pass
            case MessageReceived() | ReplyCompleted() | MemoryCarried():
                _store(db, event, event.name)
            case MessageEdited() | ReplyExtended():
                _store(db, event, _speaker_of(db, session, event.replaces))
            case MessageForgotten():
                forget(db, "terms", session, forgotten_in(event))
            case SessionErased():
                sweep(db, "terms", session)
                sweep(db, "speakers", session)
            case _:
                pass

    def rows(self, session: UUID, at: int | None = None, *, after: int = 0) -> list[Terms]:
        """Terms of the session's and its ancestors' messages with versions above `after`, in order."""
        rows = self._views.read().execute(
            f"""SELECT t.version, t.session, t.length, t.terms {in_reach("terms")}
            WHERE t.version > :after ORDER BY t.version""",
            scope(session, at, after=after),
        )
        return [
            Terms(version=version, session=origin, length=length, terms=orjson.loads(terms))
            for version, origin, length, terms in rows
        ]

    def speakers(self, session: UUID, at: int | None = None) -> list[str]:
        """The names of those who talk in the session, as far as messages carry names."""
        rows = self._views.read().execute(f"SELECT DISTINCT t.name {in_reach('speakers')}", scope(session, at))
        return sorted(name for (name,) in rows)


_Spoken = MessageReceived | MessageEdited | ReplyCompleted | ReplyExtended | MemoryCarried


def _store(db: sqlite3.Connection, event: _Spoken, speaker: str | None) -> None:
    session, version = event.originator_id.hex, event.originator_version
    terms = Counter(stems(f"{speaker or ''} {event.text}"))
    db.execute(
        "INSERT OR REPLACE INTO terms VALUES (?, ?, ?, ?, ?)",
        (session, version, terms.total(), orjson.dumps(terms), speaker),
    )
    if speaker is not None:
        db.execute("INSERT OR IGNORE INTO speakers VALUES (?, ?, ?)", (session, speaker, version))


def _speaker_of(db: sqlite3.Connection, session: str, replaced: int) -> str | None:
    """Who said the message that is replaced; it may be an ancestor's."""
    origin = origins(db, session, [replaced]).get(replaced)
    row = db.execute("SELECT speaker FROM terms WHERE session = ? AND version = ?", (origin, replaced)).fetchone()
    return row[0] if row is not None else None
