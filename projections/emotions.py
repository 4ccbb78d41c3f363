"""The emotional timeline: what was read in which message, by which detector, and how much the message matters."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.affect import intensity, valence
from domain.emotion import Emotion
from domain.events import (
    EmotionDetected,
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
)
from domain.messages import is_speech
from projections.lineage import SHARING, forget, forgotten_in, held, in_reach, naming, scope, sweep
from projections.ports import LoggedEvent
from projections.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEmotion:
    """What a detector read in message `of`: probabilities (0..1) per label; `importance` is 0..1 too."""

    of: int
    version: int
    detector: str
    labels: dict[str, float]
    dominant: str
    confidence: float
    importance: float
    created: str

    @property
    def emotion(self) -> Emotion:
        return Emotion(labels=self.labels, dominant=self.dominant, confidence=self.confidence)

    @property
    def valence(self) -> float:
        """How pleasant it is, -1..1."""
        return valence(self.emotion)

    @property
    def intensity(self) -> float:
        """How strongly anything is felt, 0..1."""
        return intensity(self.emotion)


class Emotions:
    """Emotions of messages as of any version. Where a message was read more than once the newest reading counts."""

    name = "emotions"
    schema = (
        """CREATE TABLE emotions (
            session TEXT NOT NULL, version INTEGER NOT NULL, of INTEGER NOT NULL, detector TEXT NOT NULL,
            labels BLOB NOT NULL, dominant TEXT NOT NULL, confidence REAL NOT NULL, importance REAL NOT NULL,
            created TEXT NOT NULL, PRIMARY KEY (session, version)
        )""",
        "CREATE INDEX emotions_of ON emotions (session, of, version)",
        """CREATE TABLE emotions_wanted (
            session TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (session, version)
        ) WITHOUT ROWID""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session = event.originator_id.hex
        match event:
            case EmotionDetected():
                _insert(db, event)
            case MessageReceived(role=role, text=text) if not is_speech(role, text):
                pass
            case ReplyCompleted(text=text) if not is_speech("assistant", text):
                pass
            case MessageReceived() | MessageEdited() | ReplyCompleted() | ReplyExtended():
                db.execute("INSERT OR REPLACE INTO emotions_wanted VALUES (?, ?)", (session, event.originator_version))
            case MessageForgotten():
                forget(db, "emotions_wanted", session, forgotten_in(event))
                forget(db, "emotions", session, forgotten_in(event))
                _forget_readings(db, session, forgotten_in(event))
            case SessionErased():
                sweep(db, "emotions", session)
                sweep(db, "emotions_wanted", session)
            case _:
                pass

    def of_messages(self, session: UUID, versions: Iterable[int], at: int | None = None) -> dict[int, MessageEmotion]:
        """The newest reading of each of these messages; unread ones are missing."""
        rows = self._views.read().execute(
            f"{_SELECT} WHERE t.of IN (SELECT value FROM json_each(:versions)) ORDER BY t.version",
            scope(session, at, versions=naming(versions)),
        )
        return {row[0]: _from_row(row) for row in rows}

    def read(self, session: UUID, at: int | None = None) -> set[int]:
        """The messages that anything was read in."""
        rows = self._views.read().execute(f"SELECT DISTINCT t.of {in_reach('emotions')}", scope(session, at))
        return {of for (of,) in rows}

    def readings(self, session: UUID, at: int | None = None, *, after: int = 0) -> list[MessageEmotion]:
        """Every reading above version `after`, in the order they were made."""
        rows = self._views.read().execute(
            f"{_SELECT} WHERE t.version > :after ORDER BY t.version", scope(session, at, after=after)
        )
        return [_from_row(row) for row in rows]

    def missing(self, session: UUID) -> list[int]:
        """Versions of the session's own messages that nobody has read yet, oldest first. Tools' results want none."""
        rows = self._views.read().execute(
            """SELECT version FROM emotions_wanted w WHERE session = ? AND NOT EXISTS (
                SELECT 1 FROM emotions e WHERE e.session = w.session AND e.of = w.version
            ) ORDER BY version""",
            (session.hex,),
        )
        return [version for (version,) in rows]


_SELECT = f"""SELECT t.of, t.version, t.detector, t.labels, t.dominant, t.confidence, t.importance, t.created
    {in_reach("emotions")}"""


def _from_row(row: tuple[Any, ...]) -> MessageEmotion:
    of, version, detector, labels, dominant, confidence, importance, created = row
    return MessageEmotion(
        of=of,
        version=version,
        detector=detector,
        labels=orjson.loads(labels),
        dominant=dominant,
        confidence=confidence,
        importance=importance,
        created=created,
    )


def _insert(db: sqlite3.Connection, event: EmotionDetected) -> None:
    db.execute(
        "INSERT OR REPLACE INTO emotions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.originator_id.hex,
            event.originator_version,
            event.of,
            event.detector,
            orjson.dumps(event.labels),
            event.dominant,
            event.confidence,
            event.importance,
            event.timestamp.isoformat(),
        ),
    )


def _forget_readings(db: sqlite3.Connection, session: str, versions: Iterable[int]) -> None:
    """Delete what was read in the messages, also by forks that share them."""
    db.executemany(f"DELETE FROM emotions WHERE of = :version AND session {SHARING}", held(db, session, versions))
