"""The values of a turn that a session is told: what came in, what was built for the model, what it answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.emotion import Emotion
from domain.records import (
    Budget,
    FinishReason,
    JsonObject,
    ManifestMessage,
    RecallRecord,
    TranscriptRecord,
    TurnKind,
    Usage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Versions that the texts of a request have: each instruction's in order, the persona's, each new message's."""

    instructions: list[int]
    persona: int | None
    messages: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """An emotion read in message `of`, and how much the message matters (0..1)."""

    of: int
    detector: str
    emotion: Emotion
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All that is decided about what the model is shown: the payload of `ContextBuilt` beside the turn's id."""

    kind: TurnKind
    process: str
    query: int | None
    manifest: list[ManifestMessage]
    sha256: str
    now: str
    model: str
    parameters: JsonObject
    budget: Budget
    recall: RecallRecord
    persona: int | None
    summary: int | None
    timings_ms: dict[str, float]
    transcript: TranscriptRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model answered, as far as it came. Times in milliseconds from the request's arrival."""

    text: str
    model: str
    finish_reason: FinishReason
    usage: Usage
    time_to_first_token_ms: float | None
    duration_ms: float
    timings_ms: dict[str, float]
    said_at: str
    name: str | None = None
    tool_calls: Sequence[JsonObject] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTurn:
    """The turn being answered, and the message that it answers or continues."""

    id: str
    kind: TurnKind
    query: int | None
