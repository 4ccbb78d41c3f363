"""What the use cases need from the world outside; `api/adapters/` provides it, `api/wiring/` chooses.

Each port has one contract suite in `tests/contracts`, run by a fake and by every adapter. The port of whoever measures
stands in `metrics.py`.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.emotion import Emotion
from domain.errors import HeartlineError
from domain.events import SessionEvent
from domain.records import FinishReason, JsonObject, NeutralMessage, Usage
from domain.session import Session
from projections.ports import EventLog as ReadableLog
from projections.ports import StoredVector


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The bytes of an image, by which it is named: messages hold its sha256 (`Image`), the bytes lie beside the log."""

    sha256: str
    media_type: str
    content: bytes


class EventLog(ReadableLog, Protocol):
    """The log as a writer sees it: total order, gap-free versions per session, all of an append or none of it."""

    async def load(self, session: UUID, version: int | None = None) -> Session:
        """The aggregate as of now, or as of `version`; a copy, free to be thrown away. Raises NotFound."""
        ...

    async def append(
        self,
        session: UUID,
        expected: int,
        events: Sequence[SessionEvent],
        vectors: Sequence[StoredVector] = (),
        *,
        pictures: Sequence[Picture] = (),
    ) -> list[int]:
        """Store events, vectors and the pictures that the events name, durably (synced to disk); the events' positions.

        `expected` is the session's last version before them, 0 for a new one. Raises VersionConflict when somebody else
        appended first, Unavailable when the log cannot be written. In both cases nothing was stored; only where a
        database elsewhere broke off in the middle of a commit, and did not come back in time, does nobody know.
        """
        ...

    async def add_vectors(self, vectors: Sequence[StoredVector]) -> None:
        """Store vectors that came later (backfill, import, another embedder). The first insert of a key wins."""
        ...

    async def probe(self) -> None:
        """Write and sync next to nothing, the way an append does. Raises Unavailable when an append would."""

    def read_image(self, sha256: str) -> bytes:
        """The bytes of a stored picture. Blocks. Raises Unavailable when they are not there."""
        ...

    async def close(self) -> None:
        """Finish what was queued, then let go of files and threads."""
        ...


class SessionLocks(Protocol):
    """One turn at a time for each session, in every process that shares the log. Freed at a holder's death."""

    def hold(self, session: UUID, *, patience_seconds: float | None = None) -> AbstractAsyncContextManager[None]:
        """Hold the session's lock. Raises TurnAlreadyOpen when it is not to be had in time: within the patience, or
        within the locks' own where none is given."""
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text word piece by word piece: ids, int32, shape (pieces,), and last-layer states in context, float32, shape
    (pieces, dimensions), of any length."""

    pieces: NDArray[np.int32]
    states: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoding:
    """What one forward pass says of one text.

    `parts`: a unit vector a part, float16, shape (parts, dimensions). `layers`: for each part the means of the
    embedding and of every layer over its word pieces, float32, shape (parts, layers + 1, dimensions), not normalised.
    Layers and tokens are None where an encoder shows nothing of them.
    """

    parts: NDArray[np.float16]
    layers: NDArray[np.float32] | None = None
    tokens: Tokens | None = None


class Encoder(Protocol):
    """Texts to vectors. `id` names model hash, pooling and precision: equal ids mean comparable vectors."""

    @property
    def id(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding a text, in order. A text longer than the model's window has several parts."""
        ...


class EmotionDetector(Protocol):
    """Reads the emotion of a text. `name` carries a version: equal names mean equal answers."""

    @property
    def name(self) -> str: ...

    def detect(self, text: str, encoding: Encoding | None) -> Emotion:
        """`encoding` is the text's own, when there is one: a detector may stand on the same forward pass."""
        ...


Unjudged = Literal["late", "failed", "absent"]


class Reranker(Protocol):
    """A model that reads query and memory together."""

    @property
    def name(self) -> str: ...

    def judge(self, query: str, texts: Sequence[str]) -> Sequence[float] | Unjudged:
        """How relevant each text is to the query, 0 to 1. Blocks until its deadline at most; where there is no answer
        by then, why: late, failed, or absent (not loaded, or not installed). Raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the text of one choice. `refusal` marks the words of a model that declines to answer."""

    text: str
    choice: int = 0
    refusal: bool = False


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of what the model thinks before it answers: shown to the client, never stored."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """A piece of the tool call at `index` among the calls of one choice.

    The first piece of a call has its id and name; `arguments` is JSON that comes in pieces. `extra` is what the
    provider wants to be given back with the call, as it is (Gemini's thought signatures).
    """

    index: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: JsonObject | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a reply: the last item of a stream that did not fail. `usage` is None when the model is silent.

    `reason` is the first choice's; `others` are those of the further choices, in order. Usage counts all of them.
    """

    reason: FinishReason
    usage: Usage | None
    model: str
    others: tuple[FinishReason, ...] = ()

    @property
    def reasons(self) -> tuple[FinishReason, ...]:
        """One a choice."""
        return (self.reason, *self.others)


ReplyDelta = Delta | ReasoningDelta | ToolCallDelta
Streamed = ReplyDelta | Finish
"""What a model's stream is made of."""

ReadImage = Callable[[str], bytes]
"""The bytes of the image with this sha256. Blocks. Raises Unavailable when they are not there."""


class ModelFailed(HeartlineError):
    """The language model did not answer. `status` is what the caller should see, `retry_after` in seconds."""

    def __init__(
        self, message: str, *, code: str, status: int, retry_after: float | None = None, param: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class Unsupported(ModelFailed):
    """The model cannot take what `param` asks for. The message says what to do."""

    def __init__(self, message: str, *, param: str) -> None:
        super().__init__(message, code="unsupported_parameter", status=400, param=param)


Provider = Literal["offline", "openai", "gemini", "google-generativeai"]


class ChatModel(Protocol):
    """A language model. Closing the stream (or cancelling its reader) ends the upstream call within a second.

    Parameters are OpenAI's, by OpenAI's names: temperature, max_tokens, stop, response_format, tools, tool_choice, n, …
    An adapter translates them. Tool calls in messages have OpenAI's shape too; images stand in them by their sha256.
    """

    @property
    def provider(self) -> Provider: ...

    @property
    def default(self) -> str:
        """The model asked when a request names none of its own."""
        ...

    async def models(self) -> list[str]:
        """The names that its provider lists. Raises ModelFailed where it lists none: that it cannot be reached, that it
        refuses our key, or that it does not tell."""
        ...

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        """Raises Unsupported for what this model is known not to take; `images` says whether any are sent.

        Asked before anything of the request is stored. What only the provider knows, `stream` finds out.
        """
        ...

    def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        """Deltas, then one Finish. Raises ModelFailed before the first delta or in the middle; never both.

        With `n` the choices come interleaved, and may be fewer than asked for: whoever asked then asks again.
        """
        ...

    async def close(self) -> None: ...
