"""The JSON shapes that events carry: plain dicts and lists, typed here and nowhere validated again.

They are part of stored events and therefore for ever. Versions are of the session's own axis; texts appear only where
no stored text exists.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]

Role = Literal["user", "assistant", "tool"]
InstructionRole = Literal["system", "developer"]
Origin = Literal["client", "backfilled", "imported"]
TurnKind = Literal["new", "regenerate", "continue", "empty", "group"]
FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "cancelled"]
PathCause = Literal["edit", "extend", "remove", "restore", "swipe", "branch", "backfill", "reorder", "rewind"]
Verdict = Literal[
    "kept", "in_window", "below_threshold", "below_cut", "over_budget", "duplicate", "filtered", "vector_pending"
]
RerankOutcome = Literal["used", "late", "failed", "absent"]
MemoryKind = Literal["message", "carried", "summary", "persona"]


class Image(TypedDict):
    """An image of a message: its bytes are a row beside the log, named by their sha256.

    `detail` is how closely the client wants it looked at, where it says.
    """

    sha256: str
    media_type: str
    detail: NotRequired[Literal["low", "high"]]


class Usage(TypedDict):
    """Tokens as the model counted them, or as we estimated them when it did not say."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    estimated: bool


class Segment(TypedDict):
    """A piece of a sent message: `of` a stored text (whole, or its characters `start` to `end`), or literal `text`."""

    of: NotRequired[int]
    start: NotRequired[int]
    end: NotRequired[int]
    text: NotRequired[str]


class ManifestMessage(TypedDict):
    """One message as sent, written as the segments it is made of, and the part of the budget that paid for it."""

    role: str
    name: str | None
    part: str
    segments: list[Segment]
    images: NotRequired[list[Image]]
    tool_calls: NotRequired[list[JsonObject]]
    tool_call_id: NotRequired[str]


class NeutralMessage(TypedDict):
    """A message as handed to a language model, before any provider's own shape."""

    role: str
    content: str
    name: NotRequired[str]
    images: NotRequired[list[Image]]
    tool_calls: NotRequired[list[JsonObject]]
    tool_call_id: NotRequired[str]


class Share(TypedDict):
    """Tokens that a part of the context was allotted and those it used."""

    allotted: int
    used: int


class Division(TypedDict):
    """By what rule the window was divided: percent for each part, and how many messages of history it may show."""

    persona: int
    recall: int
    history: int
    response: int
    messages: int


class Budget(TypedDict):
    """How the context window was divided, in tokens as `tokenizer` counts them, its safety margin included.

    `division` is absent from the first turns that there were.
    """

    window: int
    tokenizer: str
    parts: dict[str, Share]
    division: NotRequired[Division]


class Candidate(TypedDict):
    """A memory that recall looked at: what it is, what each part of its score was worth, and what became of it.

    `version` is that of the event it cites; of a persona chunk, the instruction's, whose characters `start` to `end` it
    is.
    """

    kind: MemoryKind
    version: int
    score: float
    parts: dict[str, float]
    rank: int
    verdict: Verdict
    start: NotRequired[int]
    end: NotRequired[int]


class PolicyRecord(TypedDict):
    """Which rule chose, with the parameters it had then."""

    name: str
    version: int
    parameters: dict[str, Json]


class RerankRecord(TypedDict):
    """Which model was asked to rerank how many of the best candidates, what became of it, and how long it took."""

    model: str
    outcome: RerankOutcome
    considered: int
    ms: float


class HeldRecord(TypedDict):
    """A text of the dialogue that is not yet taken for a message: its key and those of its neighbours, and how many
    messages stood behind it."""

    key: int
    before: int | None
    behind: int | None
    depth: int


class TranscriptRecord(TypedDict):
    """What has to be known of a client's prompt to understand its next one. Keys are of `domain.keys`.

    `first` is the path's first message that it showed, `count` the messages of its dialogue, `persona` and `ending` the
    instructions that stood first and last; `whole` says that replies stood in it. `held` are texts not yet taken for
    messages, `learned` those that turned out to be injections, `ignored` counts messages that a rewind had cut off.
    """

    characters: int
    count: int
    whole: bool
    first: int | None
    persona: int | None
    ending: int | None
    held: list[HeldRecord]
    learned: list[int]
    ignored: int


class RecallRecord(TypedDict):
    """What recall did: every kept candidate and the best 64 others; of the rest, how many met which verdict.

    `filters` are the request's, where it had any.
    """

    policy: PolicyRecord
    embedder: str
    candidates: list[Candidate]
    rest: dict[str, int]
    threshold: float
    cut: float | None
    rerank: NotRequired[RerankRecord]
    filters: NotRequired[JsonObject]
