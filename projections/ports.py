"""What the projections read from: the event log, and the vectors that lie beside it.

The follower calls these from its own thread, so they block. Nothing here writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.events import SessionEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An event with its position in the whole log and the head of its session's hash chain after it (hex)."""

    position: int
    chain: str
    event: SessionEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVector:
    """A vector of one part of one message, written once.

    `part` is "0", "1", … for the pieces of a long text, "query" for the query form. `embedder` names the model's hash,
    pooling and precision; `vector` holds little-endian float16 of unit length, or token vectors where the embedder says
    so (`token_vectors.py`).
    """

    session: UUID
    version: int
    part: str
    embedder: str
    vector: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedVector:
    """A stored vector with its place in the vectors' own sequence."""

    sequence: int
    stored: StoredVector


class EventLog(Protocol):
    """The log as a reader sees it: two feeds, each in the order of its own numbers, which only grow."""

    def last_position(self) -> int:
        """Position of the newest event, 0 when there is none."""
        ...

    def last_sequence(self) -> int:
        """Sequence of the newest vector, 0 when there is none."""
        ...

    def read(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        """Events with positions above `after`, in order. Old forms come upcast.

        Raises UnreadableEvent when one among them cannot be read, Unavailable when the log cannot.
        """
        ...

    def read_vectors(self, after: int, limit: int) -> Sequence[LoggedVector]:
        """Vectors with sequences above `after`, in order."""
        ...

    def read_session(self, session: UUID, after: int, limit: int) -> Sequence[LoggedEvent]:
        """Events of one session with versions above `after`, in order; not its ancestors'. Errors as `read`."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when something was appended by this process or another one, at the latest after `seconds`."""
        ...

    def wake(self) -> None:
        """Make a `wait` return at once: somebody needs what is there already."""
        ...
