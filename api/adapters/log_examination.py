"""A stored log looked at without changing anything: no table is made, no row written, no file made beside it.

What differs from one database to the next is in `Looked`: `sqlite_examination.py`, `postgres_examination.py`.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Protocol

from eventsourcing.persistence import MapperDeserialisationError, PersistenceError

from api.adapters.event_mapper import EventMapper
from api.adapters.log_recorder import LogDatabase, LogRecorder
from api.adapters.stored_chains import StoredChains, StoredEntries
from api.doctor.stored import LogFacts, Unreadable
from domain.errors import Unavailable

PAGE: Final = 1000
"""Events that are read at once."""

_EVENTS: Final = """
SELECT count(*) AS events, count(DISTINCT originator_id) AS sessions, coalesce(max(position), 0) AS last_position,
    max(created) AS newest FROM stored_events"""


class Looked(Protocol):
    """Where a log lies. `place` and `remedy` are for people: where that is, and what to do when it is damaged."""

    place: str
    remedy: str

    def fault(self) -> str | None:
        """What is wrong with the database itself. Raises what it raises when it cannot be had."""
        ...

    def open(self) -> tuple[LogDatabase, LogRecorder] | None:
        """For reading only; None where there is none."""
        ...


class LogExamination(StoredChains):
    """Implements `api.doctor.stored.ExaminedLog`. A server may have the log open meanwhile."""

    def __init__(self, looked: Looked) -> None:
        self._looked = looked
        self._mapper = EventMapper()
        self._opened: tuple[LogDatabase, LogRecorder] | None = None

    @property
    def place(self) -> str:
        return self._looked.place

    @property
    def remedy(self) -> str:
        return self._looked.remedy

    def fault(self) -> str | None:
        """What is wrong with the database itself, None where nothing is or where there is none yet."""
        try:
            with translated():
                return self._looked.fault()
        except Unavailable as error:
            return error.message

    def facts(self) -> LogFacts | None:
        """What it holds; None where nothing was stored yet. Raises Unavailable, for a form that is not ours too."""
        with translated():
            self._opened = self._opened or self._looked.open()
            if self._opened is None:
                return None
            database, recorder = self._opened
            with database.transaction(commit=False) as c:
                if recorder.form(c) is None:
                    return None
                c.execute(_EVENTS)
                events = c.fetchone()
                c.execute("SELECT embedder, count(*) AS vectors FROM vectors GROUP BY embedder")
                vectors = {row["embedder"]: row["vectors"] for row in c.fetchall()}
            return LogFacts(
                events=events["events"],
                sessions=events["sessions"],
                last_position=events["last_position"],
                newest=_date(events["newest"]),
                vectors=vectors,
                last_sequence=recorder.last_sequence(),
            )

    def chain_at(self, position: int) -> str | None:
        """The head of its session's chain after the event at this position (hex), None when there is no such event."""
        with translated():
            entries = self._recorder.entries_after(position - 1, 1)
        return next((entry.chain.hex() for entry in entries if entry.position == position), None)

    def unreadable(self) -> list[Unreadable]:
        """The events that this Heartline cannot read: damaged, or of a newer one."""
        found: list[Unreadable] = []
        after = 0
        with translated():
            while entries := self._recorder.entries_after(after, PAGE):
                for entry in entries:
                    try:
                        self._mapper.to_domain_event(entry.stored)
                    except MapperDeserialisationError as error:
                        found.append(Unreadable(position=entry.position, reason=str(error)))
                after = entries[-1].position
        return found

    @contextmanager
    def _reading(self) -> Generator[tuple[StoredEntries, EventMapper]]:
        with translated():
            yield self._recorder, self._mapper

    def close(self) -> None:
        """Let go of it."""
        if self._opened is not None:
            self._opened[0].close()

    @property
    def _recorder(self) -> LogRecorder:
        if self._opened is None:
            raise Unavailable("There is no log.")
        return self._opened[1]


@contextmanager
def translated() -> Generator[None]:
    """The library's errors and SQLite's as the domain's."""
    try:
        yield
    except (PersistenceError, sqlite3.Error, ValueError) as error:
        raise Unavailable(f"{' '.join(str(error).split()).rstrip('.')}.") from error


def _date(created: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(created) if created else None
    except ValueError:
        return None  # written over by hand: the chain shows it
