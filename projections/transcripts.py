"""What clients' prompts looked like: by it their next ones are understood. Texts are named by key only."""

import sqlite3
from collections.abc import Sequence
from uuid import UUID

import orjson

from domain.events import ContextBuilt, PathChanged, SessionErased
from domain.known import Prompts
from domain.path import Splice, from_ranges
from domain.records import TranscriptRecord
from projections.lineage import in_reach, scope, sweep
from projections.ports import LoggedEvent
from projections.views import OPEN, Views

LATEST = 64
"""Prompts that are looked back on."""

_NONE = 0
"""Stands for no instruction: no key is 0 but for one in 2**64."""


class Transcripts:
    """Prompts as of any version."""

    name = "transcripts"
    schema = (
        """CREATE TABLE prompts (
            session TEXT NOT NULL, version INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (session, version)
        ) WITHOUT ROWID""",
        """CREATE TABLE endings (
            session TEXT NOT NULL, version INTEGER NOT NULL, persona INTEGER NOT NULL, ending INTEGER NOT NULL,
            PRIMARY KEY (session, persona, ending)
        ) WITHOUT ROWID""",
        """CREATE TABLE injections (
            session TEXT NOT NULL, version INTEGER NOT NULL, key INTEGER NOT NULL, PRIMARY KEY (session, key)
        ) WITHOUT ROWID""",
        """CREATE TABLE cuts (
            session TEXT NOT NULL, message INTEGER NOT NULL, from_version INTEGER NOT NULL,
            until_version INTEGER NOT NULL, PRIMARY KEY (session, message, from_version)
        ) WITHOUT ROWID""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    # -- what events do ------------------------------------------------------------------------------------------------

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session, version = event.originator_id.hex, event.originator_version
        match event:
            case ContextBuilt(transcript=record) if record is not None:
                _note(db, session, version, record)
            case PathChanged(cause="rewind", splices=splices):
                _cut(db, session, version, splices)
            case SessionErased():
                for table in ("prompts", "endings", "injections"):
                    sweep(db, table, session)
                sweep(db, "cuts", session, column="from_version")
            case _:
                pass

    # -- what is read --------------------------------------------------------------------------------------------------

    def prompts(self, session: UUID, at: int | None = None) -> Prompts:
        """What is known of the session's prompts. A fork knows its ancestors', but not what a rewind cut off theirs."""
        db = self._views.read()
        latest = db.execute(
            f"SELECT t.record {in_reach('prompts')} ORDER BY t.version DESC LIMIT :limit",
            scope(session, at, limit=LATEST),
        ).fetchall()
        learned = db.execute(f"SELECT t.key {in_reach('injections')}", scope(session, at))
        cut = db.execute(
            """SELECT message FROM cuts WHERE session = :session AND from_version <= :at AND until_version > :at""",
            scope(session, OPEN - 1 if at is None else at),
        )
        return Prompts(
            latest=[orjson.loads(record) for (record,) in reversed(latest)],
            endings=self._endings(session, at),
            learned=frozenset(key for (key,) in learned),
            cut=frozenset(message for (message,) in cut),
        )

    def _endings(self, session: UUID, at: int | None) -> dict[int | None, frozenset[int]]:
        found: dict[int | None, frozenset[int]] = {}
        rows = self._views.read().execute(f"SELECT t.persona, t.ending {in_reach('endings')}", scope(session, at))
        for persona, ending in rows:
            whose = persona or None
            found[whose] = found.get(whose, frozenset()) | ({ending} if ending != _NONE else frozenset())
        return found


def _note(db: sqlite3.Connection, session: str, version: int, record: TranscriptRecord) -> None:
    db.execute("INSERT OR REPLACE INTO prompts VALUES (?, ?, ?)", (session, version, orjson.dumps(record)))
    db.execute(
        "INSERT OR IGNORE INTO endings VALUES (?, ?, ?, ?)",
        (session, version, record["persona"] or _NONE, record["ending"] or _NONE),
    )
    db.executemany(
        "INSERT OR IGNORE INTO injections VALUES (?, ?, ?)", [(session, version, key) for key in record["learned"]]
    )
    if not record["ignored"]:
        # The client shows the cut itself by now.
        db.execute(
            "UPDATE cuts SET until_version = ? WHERE session = ? AND until_version = ?", (version, session, OPEN)
        )


def _cut(db: sqlite3.Connection, session: str, version: int, splices: Sequence[Splice]) -> None:
    """What a rewind takes off the path; what it puts back is no more cut off."""
    back = {message for hunk in splices for message in from_ranges(hunk["in"])}
    gone = {message for hunk in splices for message in from_ranges(hunk["out"])} - back
    db.executemany(
        "UPDATE cuts SET until_version = ? WHERE session = ? AND message = ? AND until_version = ?",
        [(version, session, message, OPEN) for message in sorted(back)],
    )
    db.executemany(
        "INSERT OR REPLACE INTO cuts VALUES (?, ?, ?, ?)",
        [(session, message, version, OPEN) for message in sorted(gone)],
    )
