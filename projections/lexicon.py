"""The rows of the lexical index: which stems a message has, how often, and how many words it is long.

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
from projections.lineage import forget, forgotten_in, in_reach, scope, sweep
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
            PRIMARY KEY (session, version)
        )""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session = event.originator_id.hex
        match event:
            case MessageReceived(role="tool"):
                pass
            case MessageReceived() | MessageEdited() | ReplyCompleted() | ReplyExtended() | MemoryCarried():
                terms = Counter(stems(event.text))
                db.execute(
                    "INSERT OR REPLACE INTO terms VALUES (?, ?, ?, ?)",
                    (session, event.originator_version, terms.total(), orjson.dumps(terms)),
                )
            case MessageForgotten():
                forget(db, "terms", session, forgotten_in(event))
            case SessionErased():
                sweep(db, "terms", session)
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
