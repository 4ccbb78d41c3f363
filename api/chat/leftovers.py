"""What a turn leaves to the background: texts that nobody read, and a path that may want a summary."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.events import (
    InstructionReceived,
    MessageEdited,
    MessageReceived,
    ReplyCompleted,
    ReplyExtended,
    SessionEvent,
)
from domain.messages import is_speech
from projections.ports import StoredVector


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """Whether there are texts without vectors, and how many messages of the path no summary in view covers."""

    unread: bool
    unsummarised: int


def unread(events: Sequence[SessionEvent], vectors: Sequence[StoredVector]) -> bool:
    """Whether one of these events brings a text of which there is no vector among these, and that wants one."""
    read = {vector.version for vector in vectors}
    return any(_is_read(event) and event.originator_version not in read for event in events)


def _is_read(event: SessionEvent) -> bool:
    match event:
        case MessageReceived(role=role, text=text):
            return is_speech(role, text)
        case ReplyCompleted(text=text):
            return is_speech("assistant", text)
        case InstructionReceived() | MessageEdited() | ReplyExtended():
            return True
        case _:
            return False
