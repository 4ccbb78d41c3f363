"""What a batch of the feeds does to the views and to their checkpoints. Knows no thread and nobody who waits.

A view that cannot apply an event stops before it, alone and loudly. This is one of the two places that may catch any
exception.
"""

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from domain.errors import UnreadableEvent
from projections.checkpoints import LOG, VECTORS, Checkpoint
from projections.damage import is_of_the_machine
from projections.ports import EventLog, LoggedEvent, LoggedVector
from projections.views import View

logger = logging.getLogger(__name__)


class VectorView(Protocol):
    """The view that takes in the second feed."""

    def apply_vector(self, db: sqlite3.Connection, logged: LoggedVector) -> None: ...


def apply(db: sqlite3.Connection, view: View, events: Sequence[LoggedEvent], known: Checkpoint) -> Checkpoint:
    """The view's checkpoint after the events; where it cannot apply one, it stops before that one."""
    news = [logged for logged in events if logged.position > known.position]
    if known.stopped_at is not None or not news:
        return known
    if _attempt(db, view, news) is None:
        return replace(known, position=news[-1].position)
    for logged in news:
        error = _attempt(db, view, [logged])
        if error is not None:
            return _stopped(known, logged, error)
        known = replace(known, position=logged.position)
    return known


def _attempt(db: sqlite3.Connection, view: View, events: Sequence[LoggedEvent]) -> Exception | None:
    """Apply all of the events or none; what prevented it, unless that is the machine's fault."""
    db.execute("SAVEPOINT attempt")
    try:
        for logged in events:
            view.apply(db, logged)
    except Exception as error:
        if is_of_the_machine(error):
            raise
        db.execute("ROLLBACK TO attempt")
        db.execute("RELEASE attempt")
        return error
    db.execute("RELEASE attempt")
    return None


def _stopped(known: Checkpoint, logged: LoggedEvent, error: Exception) -> Checkpoint:
    event = logged.event
    where = {"session": event.originator_id.hex, "position": logged.position, "event_type": type(event).TOPIC}
    logger.error("view %s stopped: it cannot apply an event", known.name, exc_info=error, extra=where)
    # SQLite's words are of tables; another error's may quote what somebody said, and health tells of this.
    told = f"{type(error).__name__}: {error}" if isinstance(error, sqlite3.Error) else type(error).__name__
    return replace(known, stopped_at=logged.position, error=told)


def stopped_before(known: Checkpoint, error: UnreadableEvent) -> Checkpoint:
    if known.stopped_at is not None or known.position >= error.position:
        return known
    return replace(known, stopped_at=error.position, error=error.message)


def feeds(
    known: Mapping[str, Checkpoint], events: Sequence[LoggedEvent], vectors: Sequence[LoggedVector]
) -> list[Checkpoint]:
    """The checkpoints of the feeds themselves. A view that is behind makes us read again what the log's is past."""
    log, feed = known[LOG], known[VECTORS]
    if events and events[-1].position > log.position:
        log = replace(log, position=events[-1].position, chain=events[-1].chain)
    if vectors:
        feed = replace(feed, position=vectors[-1].sequence)
    return [log, feed]


def applied(known: Mapping[str, Checkpoint], projections: Sequence[View]) -> int:
    running = [known[view.name].position for view in projections if known[view.name].stopped_at is None]
    return min(running, default=known[LOG].position)


def is_restored(log: EventLog, found: Mapping[str, Checkpoint]) -> bool:
    """Whether the log ends before what was read of it, or tells something else there."""
    read, feed = found.get(LOG, Checkpoint(name=LOG)), found.get(VECTORS, Checkpoint(name=VECTORS))
    if read.position > log.last_position() or feed.position > log.last_sequence():
        return True
    try:
        there = log.read(max(read.position - 1, 0), 1)
    except UnreadableEvent:
        return False  # what cannot be read any more tells nothing
    return any(logged.position == read.position and logged.chain != read.chain for logged in there)
