"""The audit: one row for each turn with what the model was shown and why, and one for each way it ended.

Texts are not kept here but referred to by version. As of N a turn is open while nothing that ended it is in view; one
that was open where a session was forked counts as cancelled in the fork, which cannot answer it.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from domain.events import (
    ENVELOPE,
    ContextBuilt,
    MessageForgotten,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SessionEvent,
    TurnFailed,
)
from domain.records import JsonObject
from projections.lineage import forgotten_in, held, in_reach, scope, sweep
from projections.ports import LoggedEvent
from projections.views import Views

TurnStatus = Literal["open", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn: `version` is its ContextBuilt's, `chain` the session's chain head there, `context` that event's payload.

    `replies` are the versions of all its replies, `ending` the payload of the event that ended it but for texts (model,
    usage, timings; or the error's code and detail). `context` is None once forgotten.
    """

    id: str
    session: str
    version: int
    created: str
    chain: str
    status: TurnStatus
    context: JsonObject | None
    replies: list[int]
    ending: JsonObject | None


class Audits:
    """Turns as of any version."""

    name = "audits"
    schema = (
        """CREATE TABLE turns (
            turn TEXT NOT NULL, session TEXT NOT NULL, version INTEGER NOT NULL, created TEXT NOT NULL,
            chain TEXT NOT NULL, context BLOB, PRIMARY KEY (session, turn)
        )""",
        "CREATE UNIQUE INDEX turns_version ON turns (session, version)",
        """CREATE TABLE turn_ends (
            turn TEXT NOT NULL, session TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL,
            ending BLOB NOT NULL, PRIMARY KEY (session, version)
        )""",
        "CREATE INDEX turn_ends_turn ON turn_ends (session, turn, version)",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        match event:
            case ContextBuilt():
                _open(db, logged, event.turn)
            case ReplyCompleted() | ReplyExtended():
                _end(db, event, event.turn, "cancelled" if event.finish_reason == "cancelled" else "completed")
            case TurnFailed():
                _end(db, event, event.turn, "failed")
            case MessageForgotten():
                db.executemany(
                    "UPDATE turns SET context = NULL WHERE session = :origin AND version = :version",
                    held(db, event.originator_id.hex, forgotten_in(event)),
                )
            case SessionErased():
                sweep(db, "turns", event.originator_id.hex)
                sweep(db, "turn_ends", event.originator_id.hex)
            case _:
                pass

    def turn(self, session: UUID, turn: str, at: int | None = None) -> Turn | None:
        """A turn of the session or of its ancestors, as far as it had come."""
        found = self._select(session, at, "WHERE t.turn = :turn", turn=turn)
        return found[0] if found else None

    def latest(self, session: UUID, at: int | None = None) -> str | None:
        """The id of the turn that was opened last: the newest stretch of the lineage that has one, from its end."""
        rows = self._views.read().execute(
            f"SELECT t.turn {in_reach('turns', 'turns_version')} ORDER BY l.after_version DESC, t.version DESC LIMIT 1",
            scope(session, at),
        )
        found = rows.fetchone()
        return None if found is None else found[0]

    def turns(self, session: UUID, at: int | None = None, *, after: int = 0, limit: int = -1) -> list[Turn]:
        """Turns opened above version `after`, oldest first."""
        return self._select(
            session, at, "WHERE t.version > :after ORDER BY t.version LIMIT :limit", after=after, limit=limit
        )

    def _select(self, session: UUID, at: int | None, which: str, **more: int | str | None) -> list[Turn]:
        rows = self._views.read().execute(
            f"""SELECT t.turn, t.session, t.version, t.created, t.chain, t.context, l.upto_version >= :at
            {in_reach("turns")} {which}""",
            scope(session, at, **more),
        )
        found = rows.fetchall()
        ends = self._ends(session, at, [row[0] for row in found])
        return [_from_row(row, ends.get(row[0], [])) for row in found]

    def _ends(self, session: UUID, at: int | None, turns: Iterable[str]) -> dict[str, list[tuple[Any, ...]]]:
        rows = self._views.read().execute(
            f"""SELECT t.turn, t.version, t.status, t.ending {in_reach("turn_ends", "turn_ends_turn")}
            WHERE t.turn IN (SELECT value FROM json_each(:turns)) ORDER BY t.version""",
            scope(session, at, turns=orjson.dumps(list(turns)).decode()),
        )
        ends: dict[str, list[tuple[Any, ...]]] = {}
        for turn, *end in rows:
            ends.setdefault(turn, []).append(tuple(end))
        return ends


def _from_row(row: tuple[Any, ...], ends: list[tuple[Any, ...]]) -> Turn:
    turn, session, version, created, chain, context, reaches = row
    # Of several replies the first decides: it is the one that joined the path.
    _, status, ending = ends[0] if ends else (None, "open" if reaches else "cancelled", None)
    return Turn(
        id=turn,
        session=session,
        version=version,
        created=created,
        chain=chain,
        status=status,
        context=None if context is None else orjson.loads(context),
        replies=[end[0] for end in ends if end[1] != "failed"],
        ending=None if ending is None else orjson.loads(ending),
    )


def _open(db: sqlite3.Connection, logged: LoggedEvent, turn: str) -> None:
    event = logged.event
    db.execute(
        "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?, ?, ?)",
        (
            turn,
            event.originator_id.hex,
            event.originator_version,
            event.timestamp.isoformat(),
            logged.chain,
            _payload(event),
        ),
    )


def _end(db: sqlite3.Connection, event: SessionEvent, turn: str, status: TurnStatus) -> None:
    db.execute(
        "INSERT OR REPLACE INTO turn_ends VALUES (?, ?, ?, ?, ?)",
        (turn, event.originator_id.hex, event.originator_version, status, _payload(event, "text", "tool_calls")),
    )


def _payload(event: SessionEvent, *without: str) -> bytes:
    left_out = ENVELOPE.union(without)
    return orjson.dumps({name: value for name, value in event.__dict__.items() if name not in left_out})
