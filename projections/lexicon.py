"""The rows of the lexical index: which stems a message and its speaker's name have, and what else its text shows.

A text never changes, so all of this is read from it once. Scores are not kept here: they depend on the path that is
asked about.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
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
from domain.messages import is_speech
from projections.facts import Source, day_of, seconds
from projections.lineage import forget, forgotten_in, in_reach, origins, scope, sweep
from projections.ports import LoggedEvent
from projections.stemming import stems
from projections.traits import Traits, traits
from projections.views import Views

HEAD: Final = 40
"""Stems at a message's beginning that count for its neighbours: a long answer must not drown what stands around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The stems of a message or carried memory and their counts; `head` those of its beginning, where it is longer."""

    version: int
    session: str
    terms: dict[str, int]
    head: dict[str, int] | None
    source: Source
    traits: Traits


class Lexicon:
    """Stems of every message that may be recalled, on a path or not."""

    name = "lexicon"
    schema = (
        """CREATE TABLE terms (
            session TEXT NOT NULL, version INTEGER NOT NULL, terms BLOB NOT NULL, head BLOB, traits BLOB NOT NULL,
            language TEXT NOT NULL, role TEXT, speaker TEXT, said REAL, PRIMARY KEY (session, version)
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
            case MessageReceived(role=role, text=text) if not is_speech(role, text):
                pass
            case ReplyCompleted(text=text) if not is_speech("assistant", text):
                pass
            case MessageReceived() | MemoryCarried():
                _store(db, event, (event.role, event.name, seconds(event.said_at)))
            case ReplyCompleted():
                _store(db, event, ("assistant", event.name, seconds(event.said_at)))
            case MessageEdited() | ReplyExtended():
                _store(db, event, _said_of(db, session, event.replaces))
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
            f"""SELECT t.version, t.session, t.terms, t.head, t.traits, t.language, t.role, t.speaker, t.said
            {in_reach("terms")} WHERE t.version > :after ORDER BY t.version""",
            scope(session, at, after=after),
        )
        return [_from_row(row) for row in rows]

    def speakers(self, session: UUID, at: int | None = None) -> list[str]:
        """The names of those who talk in the session, as far as messages carry names."""
        rows = self._views.read().execute(f"SELECT DISTINCT t.name {in_reach('speakers')}", scope(session, at))
        return sorted(name for (name,) in rows)


_Spoken = MessageReceived | MessageEdited | ReplyCompleted | ReplyExtended | MemoryCarried


_Said = tuple[str | None, str | None, float | None]
"""Role, speaker and seconds since the epoch."""


def _store(db: sqlite3.Connection, event: _Spoken, said: _Said) -> None:
    session, version = event.originator_id.hex, event.originator_version
    _, speaker, when = said
    found = stems(f"{speaker or ''} {event.text}")
    db.execute(
        "INSERT OR REPLACE INTO terms VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session,
            version,
            orjson.dumps(Counter(found.stems)),
            orjson.dumps(Counter(found.stems[:HEAD])) if len(found.stems) > HEAD else None,
            orjson.dumps(traits(event.text, day_of(when)).packed()),
            found.language,
            *said,
        ),
    )
    if speaker is not None:
        db.execute("INSERT OR IGNORE INTO speakers VALUES (?, ?, ?)", (session, speaker, version))


def _said_of(db: sqlite3.Connection, session: str, replaced: int) -> _Said:
    """Who said the message that is replaced, and when; it may be an ancestor's."""
    origin = origins(db, session, [replaced]).get(replaced)
    row: _Said | None = db.execute(
        "SELECT role, speaker, said FROM terms WHERE session = ? AND version = ?", (origin, replaced)
    ).fetchone()
    return row or (None, None, None)


def _from_row(row: Sequence[Any]) -> Terms:
    version, session, terms, head, packed, language, role, speaker, said = row
    return Terms(
        version=version,
        session=session,
        terms=orjson.loads(terms),
        head=orjson.loads(head) if head is not None else None,
        source=Source(role=role, speaker=speaker, said=said, language=language),
        traits=Traits.unpacked(orjson.loads(packed)),
    )
