"""A session's one axis of versions, read from the log: its ancestors' events as far as they are its own, then its own.

This is what is told from events alone: no view but the lineage is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from domain.events import (
    ENVELOPE,
    InstructionReceived,
    MemoryCarried,
    MessageEdited,
    MessageReceived,
    ReplyCompleted,
    ReplyExtended,
    SessionEvent,
    SummaryWritten,
)
from domain.path import to_ranges
from domain.records import Json
from projections.lineage import Lineage
from projections.ports import EventLog, LoggedEvent


@dataclass(frozen=True, slots=True)
class Axis:
    """Events by the version they have for a session. Blocks."""

    log: EventLog
    lineage: Lineage

    def events(self, session: UUID, *, after: int, limit: int, at: int | None = None) -> list[LoggedEvent]:
        """Events with versions above `after` and up to `at`, in order, at most `limit`."""
        found: list[LoggedEvent] = []
        for stretch in self.lineage.stretches(session, at):
            if len(found) < limit and stretch.upto > after:
                read = self.log.read_session(UUID(stretch.origin), max(after, stretch.after), limit - len(found))
                found.extend(logged for logged in read if logged.event.originator_version <= stretch.upto)
        return found

    def texts(self, session: UUID, versions: Iterable[int]) -> dict[int, str]:
        """The texts that the events of these versions brought; those that brought none are missing."""
        texts: dict[int, str] = {}
        for first, last in to_ranges(sorted(versions)):
            for logged in self.events(session, after=first - 1, limit=last - first + 1, at=last):
                text = text_in(logged.event)
                if text is not None:
                    texts[logged.event.originator_version] = text
        return texts


def text_in(event: SessionEvent) -> str | None:
    """The text that an event brought, if it is of that kind."""
    match event:
        case InstructionReceived() | MessageReceived() | MessageEdited() | ReplyCompleted() | ReplyExtended():
            return event.text
        case SummaryWritten() | MemoryCarried():
            return event.text
        case _:
            return None


def event_json(event: SessionEvent) -> dict[str, Json]:
    """An event as it is shown and exported: version, type, date and its own fields.

    `class_version` stands in the data when it is above 1, so that an old export can be brought to the present form.
    """
    data: dict[str, Json] = {name: value for name, value in vars(event).items() if name not in ENVELOPE}
    if type(event).class_version > 1:
        data["class_version"] = type(event).class_version
    return {
        "version": event.originator_version,
        "type": type(event).TOPIC,
        "created": event.timestamp.isoformat(),
        "data": data,
    }
