"""Metrics that remember what they were told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from api.metrics import TurnEnd
from domain.events import SessionEvent


@dataclass
class NotedMetrics:
    """Implements `api.metrics.Metrics`: everything told, by the name of the call."""

    turns: list[TurnEnd] = field(default_factory=list[TurnEnd])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    retries: list[str] = field(default_factory=list[str])
    passes: list[int] = field(default_factory=list[int])
    commits: list[int] = field(default_factory=list[int])
    events: list[str] = field(default_factory=list[str])
    open_streams: int = 0
    most_streams: int = 0

    def turn_ended(self, end: TurnEnd) -> None:
        self.turns.append(end)

    def request_ended(self, *, method: str, route: str, status: int, seconds: float) -> None:
        self.requests.append({"method": method, "route": route, "status": status, "seconds": seconds})

    def stream_opened(self) -> None:
        self.open_streams += 1
        self.most_streams = max(self.most_streams, self.open_streams)

    def stream_closed(self) -> None:
        self.open_streams -= 1

    def retried(self, code: str) -> None:
        self.retries.append(code)

    def encoded(self, *, sequences: int, seconds: float) -> None:
        self.passes.append(sequences)

    def committed(self, *, appends: int, seconds: float) -> None:
        self.commits.append(appends)

    def appended(self, events: Sequence[SessionEvent]) -> None:
        self.events += [event.TOPIC for event in events]

    @property
    def media_type(self) -> str:
        return "text/plain"

    def exposition(self) -> bytes:
        return f"requests {len(self.requests)}\n".encode()
