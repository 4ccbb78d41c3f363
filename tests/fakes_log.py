"""A log as it was, or as far as it was restored: the beginning of another one; and a log with a damaged row."""

from collections.abc import Sequence
from threading import Event
from uuid import UUID

from domain.errors import UnreadableEvent
from projections.ports import EventLog, LoggedEvent, LoggedVector
from tests.fakes import MemoryEventLog


class LogExcerpt:
    """Implements `projections.ports.EventLog` over the first events and vectors of a log. `upto` may be raised."""

    def __init__(self, log: EventLog, upto: int, vectors_upto: int = 0) -> None:
        self.upto = upto
        self.vectors_upto = vectors_upto
        self._log = log
        self._news = Event()

    def last_position(self) -> int:
        return min(self.upto, self._log.last_position())

    def last_sequence(self) -> int:
        return min(self.vectors_upto, self._log.last_sequence())

    def read(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        return [logged for logged in self._log.read(after, limit) if logged.position <= self.upto]

    def read_vectors(self, after: int, limit: int) -> Sequence[LoggedVector]:
        return [logged for logged in self._log.read_vectors(after, limit) if logged.sequence <= self.vectors_upto]

    def read_session(self, session: UUID, after: int, limit: int) -> Sequence[LoggedEvent]:
        return [logged for logged in self._log.read_session(session, after, limit) if logged.position <= self.upto]

    def wait(self, seconds: float) -> None:
        self._news.wait(seconds)
        self._news.clear()

    def wake(self) -> None:
        self._news.set()


class DamagedLog(MemoryEventLog):
    """A log whose event at position `damaged` cannot be read."""

    damaged: int | None = None

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        found = super().read(after, limit)
        if self.damaged is not None and any(logged.position == self.damaged for logged in found):
            raise UnreadableEvent("It is damaged.", position=self.damaged)
        return found
