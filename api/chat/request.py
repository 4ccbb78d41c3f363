"""The values of the one use case that matters most: a request for a reply comes in, an answer streams out.

They know no HTTP and no SDK; `api/chat/turns.py` is the use case itself.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from api.filters import Filters
from api.ports import Picture, Streamed
from domain.messages import Instruction, Message
from domain.prompt import Mode, Prompt
from domain.records import JsonObject

IdentifiedBy = Literal["path", "header", "metadata", "session_id", "user", "content", "new", "import"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How a request names its session: an explicit id and where it stood, or only a `user`, or nothing at all."""

    external_id: str | None = None
    identified_by: IdentifiedBy = "new"
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """What a client asks: its messages in the order sent, and how the model shall answer.

    `parameters` holds what is passed on to the model (temperature, max_tokens, stop, …), as the client named it.
    `pictures` are the images that the messages name; `filters` narrow what is recalled for it.
    `arrived` is `time.perf_counter()` when the request's first byte was read; `parse_ms` the time spent on reading it.
    `mode` and `hint` are the client's words for how it wants to be understood and for what it does (`domain.prompt`).
    """

    owner: str
    address: Address
    messages: Sequence[Message | Instruction]
    model: str | None
    parameters: JsonObject
    arrived: float
    parse_ms: float
    filters: Filters = field(default_factory=Filters)
    pictures: Sequence[Picture] = ()
    streaming: bool = True
    mode: Mode | None = None
    hint: str | None = None

    def prompt(self, *, named: bool) -> Prompt:
        """What of it tells what the client means; `named` says whether its session was."""
        return Prompt(messages=self.messages, streaming=self.streaming, named=named, mode=self.mode, hint=self.hint)

    @property
    def max_tokens(self) -> int | None:
        """The response's length, if the client limited it."""
        for name in ("max_completion_tokens", "max_tokens"):
            limit = self.parameters.get(name)
            if isinstance(limit, int):
                return limit
        return None

    @property
    def dialogue(self) -> list[Message]:
        """The messages without the instructions among them."""
        return [message for message in self.messages if isinstance(message, Message)]

    @property
    def instructions(self) -> list[Instruction]:
        return [message for message in self.messages if isinstance(message, Instruction)]

    @property
    def question(self) -> str:
        """What the user asked, when a tool's result is all that is new since; else nothing."""
        dialogue = self.dialogue
        if not dialogue or dialogue[-1].role != "tool":
            return ""
        return next((message.text for message in reversed(dialogue) if message.role == "user"), "")


class Answer(Protocol):
    """A reply on its way. The context is stored durably and the model has begun to answer before it exists."""

    @property
    def session(self) -> str:
        """The session's external id; empty when the prompt belonged to none."""
        ...

    @property
    def turn(self) -> str: ...

    @property
    def is_turn(self) -> bool:
        """Whether the request is a turn of the session. One that is none is answered and leaves no trace."""
        ...

    @property
    def warning(self) -> str | None:
        """What the client should know about how it was understood."""
        ...

    @property
    def model(self) -> str: ...

    @property
    def created(self) -> int:
        """Seconds since the epoch."""
        ...

    @property
    def left_out(self) -> int:
        """Messages of the client's transcript that did not fit our window (recall may still bring them back)."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the stream's next item is there already."""
        ...

    def stream(self) -> AsyncIterator[Streamed]:
        """Deltas, then a Finish, which comes only when the reply is stored durably. Raises a HeartlineError instead of
        the Finish when the model failed half-way or the reply could not be stored: the turn is failed then."""
        ...

    async def cancel(self) -> None:
        """The client is gone: end the upstream call and store what was sent as `cancelled`. Harmless when ended."""
        ...
