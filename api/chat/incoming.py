"""A request before and after the session takes it in: what it is compared with, what its context is built from."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from api.chat.request import TurnRequest
from api.ports import Picture
from domain.emotion import Emotion
from domain.messages import Message
from domain.records import TurnKind
from domain.session import Session
from domain.transcript import Reconciliation
from domain.turn import Received
from projections.evidence import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that the session has taken in: what it asked, and which versions its texts have.

    `result` says what was made of its transcript. `at` is None for a request of now, else the version as of which a
    context is built for it once more.
    """

    session: Session
    request: TurnRequest
    received: Received
    result: Reconciliation
    query: Query
    emotion: Emotion
    model: str
    timings_ms: Mapping[str, float]
    at: int | None = None

    @property
    def max_tokens(self) -> int | None:
        """The response's length, if the client limited it."""
        return self.request.max_tokens

    @property
    def kind(self) -> TurnKind:
        """Of a prompt that is no turn it does not matter."""
        return self.result.kind or "empty"

    @property
    def tools(self) -> str:
        """What the model is told of tools and of the reply's form, as JSON."""
        told = [
            self.request.parameters[name] for name in ("tools", "response_format") if name in self.request.parameters
        ]
        return orjson.dumps(told).decode() if told else ""

    @property
    def new(self) -> dict[int, Message]:
        """The messages that this request brought, by version."""
        return brought(self.result, self.received)

    @property
    def places(self) -> list[int | None]:
        """The version of each message of the dialogue, None where it is none of the session's."""
        places = list(self.result.matched)
        for version, arrived in zip(self.received.messages, self.result.arrived, strict=True):
            if arrived.place >= 0:
                places[arrived.place] = version
        return places

    @property
    def pictures(self) -> list[Picture]:
        """Those of the request's pictures that its new messages show; the others are stored already."""
        shown = {image["sha256"] for message in self.new.values() for image in message.images}
        return [picture for picture in self.request.pictures if picture.sha256 in shown]


def brought(result: Reconciliation, received: Received) -> dict[int, Message]:
    """The messages that the session took in as new, by version."""
    return {version: one.message for version, one in zip(received.messages, result.arrived, strict=True)}
