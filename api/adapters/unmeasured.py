"""Metrics of a part that nobody measures: a log opened by a command, an encoder in a test."""

from collections.abc import Sequence
from typing import Final

from api.metrics import Metrics, TurnEnd
from domain.events import SessionEvent


class Unmeasured:
    """Implements `api.metrics.Metrics` by forgetting everything."""

    def turn_ended(self, end: TurnEnd) -> None:
        pass

    def request_ended(self, *, method: str, route: str, status: int, seconds: float) -> None:
        pass

    def stream_opened(self) -> None:
        pass

    def stream_closed(self) -> None:
        pass

    def retried(self, code: str) -> None:
        pass

    def encoded(self, *, sequences: int, seconds: float) -> None:
        pass

    def committed(self, *, appends: int, seconds: float) -> None:
        pass

    def appended(self, events: Sequence[SessionEvent]) -> None:
        pass

    @property
    def media_type(self) -> str:
        return "text/plain"

    def exposition(self) -> bytes:
        return b""


UNMEASURED: Final[Metrics] = Unmeasured()
