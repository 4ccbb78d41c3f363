"""The events of a session: what happened, in the past tense, for ever.

An event is the only thing that changes the world. Topics are short and never change; payloads are JSON (only the
envelope carries a UUID and a datetime). A new form of an event raises its `class_version` and brings an
`upcast_v1_v2(state)` that turns a stored old form into the new one; the golden files in `tests/unit/golden` hold each
event's first form.

Text never changes: each text-bearing event brings a new message (or instruction, or summary) whose identity is the
event's version.

    SessionStarted | SessionForked          the first event; a fork's has the version after the one it forked at
    InstructionReceived, PersonaDefined     what the client's system messages say
    MessageReceived, MessageEdited          messages of the dialogue
    PathChanged                             every change of the path but appending
    ContextBuilt -> ReplyCompleted | ReplyExtended | TurnFailed      a turn, open in between
    SessionRewound                          back to a version: with a PathChanged where the path was another
    EmotionDetected, SummaryWritten, MemoryCarried                   what was inferred, written, brought over
    MessageForgotten, SessionErased         what may no longer be known
"""

from dataclasses import dataclass
from typing import Any

from domain.event import ENVELOPE as ENVELOPE
from domain.event import SESSION_TOPIC as SESSION_TOPIC
from domain.event import FirstEvent, SessionEvent
from domain.path import Range, Splice
from domain.records import (
    Budget,
    FinishReason,
    Image,
    InstructionRole,
    JsonObject,
    ManifestMessage,
    Origin,
    PathCause,
    RecallRecord,
    Role,
    TranscriptRecord,
    TurnKind,
    Usage,
)


@dataclass(frozen=True, kw_only=True)
class SessionStarted(FirstEvent):
    """A session began. `identified_by` says how the request named it: path, header, metadata, user, new, import …

    `user` is the client's own word for who talks: it narrows the search for a session when no id is given. `details` is
    what the client keeps about the chat and is given back on export; nothing here reads it.
    """

    TOPIC = "session.started"
    class_version = 2
    identified_by: str
    user: str | None
    details: JsonObject

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["details"] = {}


@dataclass(frozen=True, kw_only=True)
class SessionForked(FirstEvent):
    """A session began as another one as of `at`, the only first event whose version is above 1: it is `at` + 1.

    It brings what the new aggregate must decide on (path, known messages and instructions), so that loading it walks no
    lineage; texts, vectors and summaries stay where they are and are referenced by version.
    """

    TOPIC = "session.forked"
    parent: str
    at: int
    path: list[Range]
    messages: list[Range]
    instructions: dict[str, int]
    personas: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class InstructionReceived(SessionEvent):
    """A system or developer text of the client, stored once per distinct role, name and text."""

    TOPIC = "session.instruction-received"
    role: InstructionRole
    name: str | None
    text: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class PersonaDefined(SessionEvent):
    """The instructions before the dialogue, as a list that is new to the session."""

    TOPIC = "session.persona-defined"
    instructions: list[int]


@dataclass(frozen=True, kw_only=True)
class MessageReceived(SessionEvent):
    """A message of the dialogue that we did not generate. It joins the path's end, unless backfilled: then it waits for
    a `PathChanged` to put it in its place. `said_at` is ISO 8601 in UTC: the client's or import's date, or the clock's.
    `details` is what the client keeps with the message and is given back on export; nothing here reads it."""

    TOPIC = "session.message-received"
    class_version = 2
    turn: str | None
    role: Role
    name: str | None
    text: str
    said_at: str
    origin: Origin
    images: list[Image]
    tool_calls: list[JsonObject]
    tool_call_id: str | None
    details: JsonObject

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["details"] = {}


@dataclass(frozen=True, kw_only=True)
class MessageEdited(SessionEvent):
    """A new text for a message: a message of its own with the role, name and date of the one it replaces."""

    TOPIC = "session.message-edited"
    replaces: int
    turn: str | None
    text: str


@dataclass(frozen=True, kw_only=True)
class PathChanged(SessionEvent):
    """The path changed in any other way than by appending."""

    TOPIC = "session.path-changed"
    cause: PathCause
    splices: list[Splice]


@dataclass(frozen=True, kw_only=True)
class SessionRewound(SessionEvent):
    """The session went back to version `to`: what came between it and this event is no part of its story any more."""

    TOPIC = "session.rewound"
    to: int


@dataclass(frozen=True, kw_only=True)
class EmotionDetected(SessionEvent):
    """What a detector (name and version) read in message `of`: probabilities per label, and how much it matters."""

    TOPIC = "session.emotion-detected"
    of: int
    detector: str
    labels: dict[str, float]
    dominant: str
    confidence: float
    importance: float


@dataclass(frozen=True, kw_only=True)
class ContextBuilt(SessionEvent):
    """A turn opened: what the model is shown, as a recipe (`manifest`) from which it can be rendered again, and why.

    `transcript` is what the client's prompt looked like, by which its next one is understood; None for turns of the
    first form, and where nobody sent one.
    """

    TOPIC = "session.context-built"
    class_version = 2
    turn: str
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
    transcript: TranscriptRecord | None

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["transcript"] = None


@dataclass(frozen=True, kw_only=True)
class ReplyCompleted(SessionEvent):
    """The model's answer to a turn, as far as it came. Choice 0 joins the path; others (`n` > 1) are its siblings."""

    TOPIC = "session.reply-completed"
    turn: str
    choice: int
    name: str | None
    text: str
    model: str
    finish_reason: FinishReason
    usage: Usage
    time_to_first_token_ms: float | None
    duration_ms: float
    timings_ms: dict[str, float]
    said_at: str
    tool_calls: list[JsonObject]


@dataclass(frozen=True, kw_only=True)
class ReplyExtended(SessionEvent):
    """A message continued by the model: a message of its own with the whole new text, for the one it replaces, whose
    name and date it takes over. Choice 0 takes its place on the path."""

    TOPIC = "session.reply-extended"
    replaces: int
    turn: str
    choice: int
    text: str
    model: str
    finish_reason: FinishReason
    usage: Usage
    time_to_first_token_ms: float | None
    duration_ms: float
    timings_ms: dict[str, float]
    tool_calls: list[JsonObject]


@dataclass(frozen=True, kw_only=True)
class TurnFailed(SessionEvent):
    """A turn ended without a reply. `code` is the error's; also `abandoned` (its process died) and `superseded`."""

    TOPIC = "session.turn-failed"
    turn: str
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class SummaryWritten(SessionEvent):
    """A summary of the path's beginning, in view exactly while the path begins with `covers` (and has its `digest`).

    `usage` is what a model took to write it; None where none did, and for summaries of the first form.
    """

    TOPIC = "session.summary-written"
    class_version = 2
    covers: list[Range]
    digest: str
    previous: int | None
    text: str
    model: str
    cites: list[int]
    usage: Usage | None

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["usage"] = None


@dataclass(frozen=True, kw_only=True)
class MemoryCarried(SessionEvent):
    """One memory brought over from another session of the owner, with its text."""

    TOPIC = "session.memory-carried"
    source_session: str
    source_version: int
    role: Role
    name: str | None
    text: str
    said_at: str


@dataclass(frozen=True, kw_only=True)
class MessageForgotten(SessionEvent):
    """Message `of`, its other revisions and what quotes them may no longer be known: `versions` lost their payloads."""

    TOPIC = "session.message-forgotten"
    of: int
    versions: list[int]
    keyed_digests: list[str]
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class SessionErased(SessionEvent):
    """Everything said in the session was destroyed; this is what is left."""

    TOPIC = "session.erased"
    counts: dict[str, int]
