"""The port of whoever counts and measures, and what it is told: how a turn ended, how the server stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from api.ports import ModelFailed
from domain.errors import HeartlineError
from domain.events import SessionEvent
from domain.turn import Context, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnd:
    """A turn that is over, and stored as such: `reply` (of several choices the first, which has the tokens of all) or
    `error` says how. `arrived` and `ended` (when its end was
    stored) are of `time.perf_counter()`; stages in milliseconds, in their order."""

    session: UUID
    turn: str
    context: Context
    reply: Reply | None
    error: HeartlineError | None
    arrived: float
    ended: float
    stages_ms: dict[str, float]

    @property
    def outcome(self) -> str:
        """The reply's finish reason, or `failed`."""
        return self.reply.finish_reason if self.reply is not None else "failed"

    @property
    def model_failure(self) -> ModelFailed | None:
        """What the model or its provider is to blame for: not that the client left, nor what it asked for."""
        match self.error:
            case ModelFailed(code=code, status=status) if code != "content_filter" and (status >= 500 or status == 429):
                return self.error
            case _:
                return None

    @property
    def model_ms(self) -> float | None:
        """From the call of the model to its first piece: the stages before the call are over then."""
        first = self.stages_ms.get("first_token")
        return max(0.0, first - sum(self.context.timings_ms.values())) if first is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What is read when somebody asks: how far the views are behind the log, in positions, how many of them stopped,
    sessions with a warm index, sessions waiting for aftercare, and bytes free on the disk of the data."""

    follower_lag: int
    views_stopped: int
    sessions_warm: int
    sessions_waiting: int
    disk_free_bytes: int


class Metrics(Protocol):
    """Numbers about the running server. Each call takes microseconds, may come from any thread and never raises."""

    def turn_ended(self, end: TurnEnd) -> None: ...

    def request_ended(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is the template, of which there are few; never a path."""
        ...

    def stream_opened(self) -> None: ...

    def stream_closed(self) -> None: ...

    def retried(self, code: str) -> None:
        """The language model is asked again, after a failure of this code."""
        ...

    def encoded(self, *, sequences: int, seconds: float) -> None:
        """One forward pass of the embedding model."""
        ...

    def committed(self, *, appends: int, seconds: float) -> None:
        """One transaction of the event log."""
        ...

    def appended(self, events: Sequence[SessionEvent]) -> None:
        """Events that are stored."""
        ...

    @property
    def media_type(self) -> str:
        """Of the exposition."""
        ...

    def exposition(self) -> bytes:
        """All of it, for whoever scrapes. Blocks: some of it is read when asked."""
        ...
