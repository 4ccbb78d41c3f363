"""A request before and after the session takes it in: what it is compared with, what its context is built from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.chat.request import TurnRequest
from domain.emotion import Emotion
from domain.messages import Message
from domain.records import TurnKind
from domain.session import Session
from domain.transcript import Known
from domain.turn import Received
from projections.evidence import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What a request is compared with: the path's end, its texts by version, and the names of those who talk."""

    known: Known
    texts: dict[int, str]
    speakers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that the session has taken in: what it asked, and which versions its texts have."""

    session: Session
    request: TurnRequest
    received: Received
    matched: Sequence[int | None]
    kind: TurnKind
    query: Query
    emotion: Emotion
    model: str
    timings_ms: Mapping[str, float]

    @property
    def max_tokens(self) -> int | None:
        """The response's length, if the client limited it."""
        for name in ("max_completion_tokens", "max_tokens"):
            limit = self.request.parameters.get(name)
            if isinstance(limit, int):
                return limit
        return None

    @property
    def new(self) -> dict[int, Message]:
        """The messages that this request brought, by version."""
        return brought(self.request, self.received)


def brought(request: TurnRequest, received: Received) -> dict[int, Message]:
    """The messages that the session took in as new, by version: the end of the request's dialogue."""
    dialogue = request.dialogue
    return dict(zip(received.messages, dialogue[len(dialogue) - len(received.messages) :], strict=True))
