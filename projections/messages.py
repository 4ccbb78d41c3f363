"""Messages as rows: one for each, of the session whose event brought it. Which are in view, the spans say.

Text never changes here: an edit is a row of its own that names what it replaces. It is only ever blanked, when it is
forgotten; everything that came with it goes too.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from domain.events import MessageEdited, MessageReceived, ReplyCompleted, ReplyExtended
from domain.keys import message_key
from domain.records import Image, JsonObject, Role
from projections.lineage import held, origins

SCHEMA = (
    """CREATE TABLE messages (
        session TEXT NOT NULL, version INTEGER NOT NULL, role TEXT NOT NULL, name TEXT, text TEXT NOT NULL,
        said_at TEXT NOT NULL, turn TEXT, created TEXT NOT NULL, origin TEXT NOT NULL, replaces INTEGER,
        images BLOB NOT NULL, tool_calls BLOB NOT NULL, tool_call_id TEXT, forgotten INTEGER NOT NULL,
        owner TEXT NOT NULL, key INTEGER, PRIMARY KEY (session, version)
    )""",
    "CREATE INDEX messages_key ON messages (owner, key) WHERE key IS NOT NULL",
)

_NAMES = (
    *("version", "session", "role", "name", "text", "said_at", "turn", "created", "origin", "replaces"),
    *("images", "tool_calls", "tool_call_id", "forgotten"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMessage:
    """A message as it stands on a path. `session` holds its row (a fork's older messages are its ancestors').

    `origin` is client, backfilled, imported or model (we generated it); an edit is the client's. `edited` says that it
    replaces another message (edits and continued replies). A forgotten one has no text any more.
    """

    version: int
    session: str
    role: Role
    name: str | None
    text: str
    said_at: str
    turn: str | None
    created: str
    origin: str
    replaces: int | None
    images: list[Image]
    tool_calls: list[JsonObject]
    tool_call_id: str | None
    forgotten: bool

    @property
    def edited(self) -> bool:
        return self.replaces is not None


def columns(alias: str) -> str:
    """What a query selects to make messages of its rows."""
    return ", ".join(f"{alias}.{name}" for name in _NAMES)


def from_row(row: tuple[Any, ...]) -> PathMessage:
    """The message that a row of `columns` tells of."""
    fields = dict(zip(_NAMES, row, strict=True))
    fields["images"], fields["tool_calls"] = orjson.loads(fields["images"]), orjson.loads(fields["tool_calls"])
    fields["forgotten"] = bool(fields["forgotten"])
    return PathMessage(**fields)


def store(db: sqlite3.Connection, event: MessageReceived | ReplyCompleted | MessageEdited | ReplyExtended) -> None:
    """The message that the event brought."""
    match event:
        case MessageReceived():
            _insert(
                db,
                event,
                said=(event.role, event.name, event.text, event.said_at),
                origin=(event.origin, None),
                things=(orjson.dumps(event.images), orjson.dumps(event.tool_calls), event.tool_call_id),
            )
        case ReplyCompleted():
            _insert(
                db,
                event,
                said=("assistant", event.name, event.text, event.said_at),
                origin=("model", None),
                things=(b"[]", orjson.dumps(event.tool_calls), None),
            )
        case MessageEdited():
            _inherit(db, event, "client")
        case ReplyExtended():
            _inherit(db, event, "model")


def _inherit(db: sqlite3.Connection, event: MessageEdited | ReplyExtended, origin: str) -> None:
    """A new text for an older message, whose role, name, date, images and tool calls it takes over."""
    held = origins(db, event.originator_id.hex, [event.replaces])[event.replaces]
    role, name, said_at, *things = db.execute(
        "SELECT role, name, said_at, images, tool_calls, tool_call_id FROM messages WHERE session = ? AND version = ?",
        (held, event.replaces),
    ).fetchone()
    _insert(db, event, said=(role, name, event.text, said_at), origin=(origin, event.replaces), things=things)


def _insert(
    db: sqlite3.Connection,
    event: MessageReceived | ReplyCompleted | MessageEdited | ReplyExtended,
    *,
    said: tuple[str, str | None, str, str],
    origin: tuple[str, int | None],
    things: Iterable[Any],
) -> None:
    role, _, text, _ = said
    things = list(things)
    came = (event.turn, event.timestamp.isoformat())
    db.execute(
        """INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0,
        (SELECT owner FROM conversations WHERE session = ?), ?)""",
        (
            *(event.originator_id.hex, event.originator_version, *said, *came, *origin, *things),
            *(event.originator_id.hex, _key(role, text, things)),
        ),
    )


def _key(role: str, text: str, things: Sequence[Any]) -> int:
    images, tool_calls, tool_call_id = things
    return message_key(
        role,
        text,
        images=orjson.loads(images),
        tool_calls=orjson.loads(tool_calls),
        tool_call_id=tool_call_id,
    )


def blank(db: sqlite3.Connection, session: str, versions: Iterable[int]) -> None:
    """Forget what the messages said; that there were messages stays known."""
    db.executemany(
        """UPDATE messages SET text = '', name = NULL, images = x'5b5d', tool_calls = x'5b5d', tool_call_id = NULL,
        forgotten = 1, key = NULL WHERE session = :origin AND version = :version""",
        held(db, session, versions),
    )
