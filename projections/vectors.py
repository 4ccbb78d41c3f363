"""The stored vectors, copied from the log's second feed, and which messages still lack one.

They are write-once: a vector that is there is never replaced and never computed here.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.events import (
    InstructionReceived,
    MemoryCarried,
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SummaryWritten,
)
from domain.messages import is_speech
from projections.lineage import forget, forgotten_in, held, in_reach, named_in_reach, naming, scope, sweep
from projections.ports import LoggedEvent, LoggedVector
from projections.views import Views

WITHOUT_VECTOR: Final = """NOT EXISTS (
    SELECT 1 FROM vectors v WHERE v.session = t.session AND v.version = t.version
    AND v.embedder = :embedder AND v.part != 'query'
)"""
"""Of a text `t` that wants a vector: it has none of the embedder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRow:
    """A vector of one part of a message. `vector` holds little-endian float16 of unit length."""

    version: int
    session: str
    part: str
    sequence: int
    vector: bytes


class Vectors:
    """Vectors by message and embedder. Messages that want one are noted, tools' results do not."""

    name = "vectors"
    schema = (
        """CREATE TABLE vectors (
            session TEXT NOT NULL, version INTEGER NOT NULL, part TEXT NOT NULL, embedder TEXT NOT NULL,
            sequence INTEGER NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (session, embedder, version, part)
        )""",
        "CREATE INDEX vectors_sequence ON vectors (session, embedder, sequence)",
        """CREATE TABLE vectors_wanted (
            session TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (session, version)
        ) WITHOUT ROWID""",
        """CREATE TABLE vectors_refused (
            session TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (session, version)
        ) WITHOUT ROWID""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session, version = event.originator_id.hex, event.originator_version
        match event:
            case MessageReceived(role=role, text=text) if not is_speech(role, text):
                pass
            case ReplyCompleted(text=text) if not is_speech("assistant", text):
                pass
            case InstructionReceived(text=""):
                pass  # it has no chunk that could have one
            case (
                MessageReceived()
                | MessageEdited()
                | ReplyCompleted()
                | ReplyExtended()
                | MemoryCarried()
                | SummaryWritten()
                | InstructionReceived()
            ):
                db.execute("INSERT OR REPLACE INTO vectors_wanted VALUES (?, ?)", (session, version))
            case MessageForgotten():
                refused = held(db, session, forgotten_in(event))
                db.executemany("INSERT OR REPLACE INTO vectors_refused VALUES (:origin, :version)", refused)
                forget(db, "vectors", session, forgotten_in(event))
                forget(db, "vectors_wanted", session, forgotten_in(event))
            case SessionErased():
                sweep(db, "vectors", session)
                sweep(db, "vectors_wanted", session)
            case _:
                pass

    def apply_vector(self, db: sqlite3.Connection, logged: LoggedVector) -> None:
        """Take in a vector, unless its message was forgotten: a feed may still hold what the events say is gone."""
        stored = logged.stored
        db.execute(
            """INSERT OR IGNORE INTO vectors (session, version, part, embedder, sequence, vector)
            SELECT :session, :version, :part, :embedder, :sequence, :vector WHERE NOT EXISTS (
                SELECT 1 FROM vectors_refused WHERE session = :session AND version = :version
            ) AND NOT EXISTS (
                SELECT 1 FROM lineage WHERE session = :session AND origin = :session AND erased AND NOT EXISTS (
                    SELECT 1 FROM reach WHERE origin = :session AND :version > after_version
                    AND :version <= upto_version
                )
            )""",
            {
                "session": stored.session.hex,
                "version": stored.version,
                "part": stored.part,
                "embedder": stored.embedder,
                "sequence": logged.sequence,
                "vector": stored.vector,
            },
        )

    def rows(self, session: UUID, embedder: str, at: int | None = None, *, after: int = 0) -> list[VectorRow]:
        """Vectors of the session's and its ancestors' messages with sequences above `after`, in that order."""
        return self._select(
            f"""SELECT {_COLUMNS} {in_reach("vectors", "vectors_sequence")}
            WHERE t.embedder = :embedder AND t.sequence > :after ORDER BY t.sequence""",
            scope(session, at, embedder=embedder, after=after),
        )

    def of(self, session: UUID, version: int, embedder: str) -> dict[str, bytes]:
        """The vectors of one text by part."""
        rows = self._views.read().execute(
            f"SELECT t.part, t.vector {named_in_reach('vectors')} WHERE t.embedder = :embedder ORDER BY t.part",
            scope(session, None, versions=naming([version]), embedder=embedder),
        )
        return dict(rows.fetchall())

    def embedders(self, session: UUID, at: int | None = None) -> list[str]:
        """The embedders of which there are vectors."""
        rows = self._views.read().execute(
            f"SELECT DISTINCT t.embedder {in_reach('vectors')} ORDER BY t.embedder", scope(session, at)
        )
        return [embedder for (embedder,) in rows]

    def asked(self, session: UUID) -> set[int]:
        """Versions of the session's own texts of which some embedder has a query form: memories were sought with it."""
        rows = self._views.read().execute(
            "SELECT DISTINCT version FROM vectors WHERE session = ? AND part = 'query'", (session.hex,)
        )
        return {version for (version,) in rows}

    def lacking(self, session: UUID, embedder: str) -> list[int]:
        """Versions of all texts that the session can see, its ancestors' among them, without a vector of this
        embedder, oldest first."""
        rows = self._views.read().execute(
            f"SELECT t.version {in_reach('vectors_wanted')} WHERE {WITHOUT_VECTOR} ORDER BY t.version",
            scope(session, None, embedder=embedder),
        )
        return [version for (version,) in rows]

    def missing(self, session: UUID, embedder: str) -> list[int]:
        """Versions of the session's own messages and carried memories without a vector of this embedder, oldest first.

        An ancestor's are the ancestor's to fill in: vectors are kept with the session whose event brought the text.
        """
        rows = self._views.read().execute(
            f"SELECT version FROM vectors_wanted t WHERE session = :session AND {WITHOUT_VECTOR} ORDER BY version",
            {"session": session.hex, "embedder": embedder},
        )
        return [version for (version,) in rows]

    def incomplete(self, embedder: str) -> list[UUID]:
        """Sessions with messages of their own that have no vector of this embedder."""
        rows = self._views.read().execute(
            f"SELECT DISTINCT session FROM vectors_wanted t WHERE {WITHOUT_VECTOR}",
            {"embedder": embedder},
        )
        return [UUID(session) for (session,) in rows]

    def _select(self, query: str, parameters: dict[str, int | str | None]) -> list[VectorRow]:
        return [
            VectorRow(version=version, session=session, part=part, sequence=sequence, vector=vector)
            for version, session, part, sequence, vector in self._views.read().execute(query, parameters)
        ]


_COLUMNS = "t.version, t.session, t.part, t.sequence, t.vector"
