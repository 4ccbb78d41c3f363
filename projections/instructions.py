"""The client's instructions: their texts, the personas made of them, and which persona was shown when."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import orjson

from domain.events import ContextBuilt, InstructionReceived, MessageForgotten, PersonaDefined, SessionErased
from domain.records import InstructionRole
from projections.lineage import Lineage, forget, forgotten_in, in_reach, named_in_reach, naming, scope, sweep
from projections.ports import LoggedEvent
from projections.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstruction:
    """A system or developer text of the client. `session` holds its row."""

    version: int
    session: str
    role: InstructionRole
    name: str | None
    text: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """The instructions before the dialogue, in order; a forgotten one is missing."""

    version: int
    instructions: list[StoredInstruction]

    @property
    def text(self) -> str:
        return "\n\n".join(instruction.text for instruction in self.instructions)


class Instructions:
    """Instructions and personas as of any version."""

    name = "instructions"
    schema = (
        """CREATE TABLE instructions (
            session TEXT NOT NULL, version INTEGER NOT NULL, role TEXT NOT NULL, name TEXT, text TEXT NOT NULL,
            sha256 TEXT NOT NULL, PRIMARY KEY (session, version)
        )""",
        """CREATE TABLE personas (
            session TEXT NOT NULL, version INTEGER NOT NULL, instructions TEXT NOT NULL, PRIMARY KEY (session, version)
        ) WITHOUT ROWID""",
        """CREATE TABLE personas_shown (
            session TEXT NOT NULL, version INTEGER NOT NULL, persona INTEGER, PRIMARY KEY (session, version)
        ) WITHOUT ROWID""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views
        self._lineage = Lineage(views)

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session, version = event.originator_id.hex, event.originator_version
        match event:
            case InstructionReceived():
                db.execute(
                    "INSERT OR REPLACE INTO instructions VALUES (?, ?, ?, ?, ?, ?)",
                    (session, version, event.role, event.name, event.text, event.sha256),
                )
            case PersonaDefined():
                versions = orjson.dumps(event.instructions).decode()
                db.execute("INSERT OR REPLACE INTO personas VALUES (?, ?, ?)", (session, version, versions))
            case ContextBuilt():
                db.execute("INSERT OR REPLACE INTO personas_shown VALUES (?, ?, ?)", (session, version, event.persona))
            case MessageForgotten():
                forget(db, "instructions", session, forgotten_in(event))
            case SessionErased():
                for table in ("instructions", "personas", "personas_shown"):
                    sweep(db, table, session)
            case _:
                pass

    def instructions(self, session: UUID, at: int | None = None, *, after: int = 0) -> list[StoredInstruction]:
        """Every instruction received above version `after`, oldest first."""
        rows = self._views.read().execute(
            f"SELECT {_COLUMNS} {in_reach('instructions')} WHERE t.version > :after ORDER BY t.version",
            scope(session, at, after=after),
        )
        return [_from_row(row) for row in rows]

    def of_personas(self, session: UUID, at: int | None = None) -> set[int]:
        """The versions of the instructions that any persona of the session's story consists of."""
        story = self._lineage.story(session, at)
        shown = {persona for version, persona in self._shown(session, at) if version in story}
        rows = self._views.read().execute(
            f"SELECT t.version, t.instructions {in_reach('personas')}", scope(session, at)
        )
        return {
            instruction
            for version, instructions in rows
            if version in story or version in shown
            for instruction in orjson.loads(instructions)
        }

    def find(self, session: UUID, versions: Iterable[int], at: int | None = None) -> dict[int, StoredInstruction]:
        """Instructions by version."""
        rows = self._views.read().execute(
            f"SELECT {_COLUMNS} {named_in_reach('instructions')}", scope(session, at, versions=naming(versions))
        )
        return {row[0]: _from_row(row) for row in rows}

    def texts(self, session: UUID, versions: Iterable[int], at: int | None = None) -> dict[int, str]:
        """Texts of instructions by version."""
        return {version: found.text for version, found in self.find(session, versions, at).items()}

    def persona(self, session: UUID, at: int | None = None) -> Persona | None:
        """The persona of the newest context of the session's story; where none was built, as after an import, the
        persona that was defined last. None when there was none."""
        story = self._lineage.story(session, at)
        for version, persona in self._shown(session, at):
            if version in story:
                return None if persona is None else self.persona_of(session, persona)
        rows = self._views.read().execute(
            f"SELECT t.version {in_reach('personas')} ORDER BY t.version DESC", scope(session, at)
        )
        defined = next((version for (version,) in rows if version in story), None)
        return None if defined is None else self.persona_of(session, defined)

    def _shown(self, session: UUID, at: int | None) -> Iterable[tuple[int, int | None]]:
        """Contexts and the persona of each, the newest first."""
        return self._views.read().execute(
            f"SELECT t.version, t.persona {in_reach('personas_shown')} ORDER BY t.version DESC", scope(session, at)
        )

    def persona_of(self, session: UUID, version: int) -> Persona | None:
        """The persona defined by event `version`."""
        defined = (
            self._views.read()
            .execute(
                f"SELECT t.instructions {in_reach('personas')} WHERE t.version = :version",
                scope(session, None, version=version),
            )
            .fetchone()
        )
        if defined is None:
            return None
        versions: list[int] = orjson.loads(defined[0])
        known = self.find(session, versions)
        return Persona(version=version, instructions=[known[one] for one in versions if one in known])


_COLUMNS = "t.version, t.session, t.role, t.name, t.text, t.sha256"


def _from_row(row: tuple[int, str, InstructionRole, str | None, str, str]) -> StoredInstruction:
    version, session, role, name, text, sha256 = row
    return StoredInstruction(version=version, session=session, role=role, name=name, text=text, sha256=sha256)
