"""What the HTTP surface is given: the use cases behind it and the parts it asks directly.

`api/bootstrap.py` fills it in, a test fills it with fakes; nothing here knows HTTP.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from api.access.allowance import Allowance, Unlimited
from api.access.owners import Everybody, Owners
from api.access.sizes import Sizes
from api.chat.request import Answer, TurnRequest
from api.metrics import Metrics
from api.ports import ChatModel, Encoder
from api.shutdown import Shutdown
from domain.budget import TokenCounter
from domain.records import JsonObject

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuestion:
    """What to recall, as of which version (None: now), at most how many memories, which kinds of them, and by which
    policy (None: the one that turns use)."""

    query: str
    k: int
    at: int | None
    filters: JsonObject
    policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """At most `limit` messages: those behind message `after` (0: from the root on), without the first `offset`."""

    limit: int
    after: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """By which policy, with how many memories and within how many tokens a turn's context shall be built once more;
    None is as it was, or with a policy named, that policy's own number."""

    policy: str | None = None
    top_k: int | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a query should recall among the best `k`: the memory of a version, or any whose text holds `text`."""

    query: str
    k: int
    version: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """A question, and what answers it: messages by version, or by their text."""

    query: str
    versions: Sequence[int] = ()
    texts: Sequence[str] = ()


class Turns(Protocol):
    """The one use case that matters most."""

    async def answer(self, request: TurnRequest) -> Answer:
        """The reply on its way. Raises a HeartlineError (ModelFailed among them) before anything can be shown; a
        caller that is cancelled while it waits leaves no turn open."""
        ...


class Sessions(Protocol):
    """The other use cases: reading sessions. Answers are ready to be JSON.

    Every method but `list` and `usage` raises NotFound for a session that does not exist or is another owner's. `at`
    is a version of the session, None for now; beyond the session's end it is InvalidRequest. Lists have OpenAI's shape:
    `{"object": "list", "data": […], "has_more": bool}`.
    """

    async def list(self, owner: str, *, limit: int, after: str | None = None, search: str | None = None) -> JsonObject:
        """Newest first; `after` is the external id of the last session seen, `search` what id or title must hold."""
        ...

    async def usage(self, owner: str, *, days: int) -> JsonObject:
        """What the owner's replies took and cost, by day."""
        ...

    async def state(self, owner: str, session: str, *, at: int | None) -> JsonObject: ...

    async def events(self, owner: str, session: str, *, after: int, limit: int) -> JsonObject:
        """Events with versions above `after`, in order; each has its `version`."""
        ...

    async def news(self, owner: str, session: str, *, after: int, seconds: float) -> None:
        """Returns when there may be events above version `after`, at the latest after so many seconds."""
        ...

    async def messages(self, owner: str, session: str, *, at: int | None, page: Page) -> JsonObject:
        """The path from the root on; each message with what was read in it, if anything was."""
        ...

    async def siblings(self, owner: str, session: str, *, at: int | None) -> JsonObject: ...

    async def emotions(self, owner: str, session: str, *, at: int | None) -> JsonObject: ...

    async def summaries(self, owner: str, session: str, *, at: int | None) -> JsonObject: ...

    async def turn(self, owner: str, session: str, turn: str, *, at: int | None) -> JsonObject:
        """The audit. Raises NotFound for an unknown turn too."""
        ...

    async def replay(self, owner: str, session: str, turn: str) -> JsonObject: ...

    async def recall(self, owner: str, session: str, question: RecallQuestion) -> JsonObject: ...


class Branches(Protocol):
    """The use cases that lead a session elsewhere. Errors as `Sessions`; Conflict where it is being answered."""

    async def rewind(self, owner: str, session: str, *, to: int) -> JsonObject: ...

    async def fork(self, owner: str, session: str, *, at: int | None, name: str | None) -> JsonObject:
        """`at` None is now. Raises Conflict when the name is taken."""
        ...

    async def carry(self, owner: str, session: str, *, source: str, version: int) -> JsonObject: ...

    async def diff(self, owner: str, session: str, other: str) -> JsonObject: ...


class Reasons(Protocol):
    """Why a turn showed what it showed, and what else it might have shown. Errors as those of `Sessions`; a turn whose
    record was forgotten is a Conflict."""

    async def why_not(self, owner: str, session: str, turn: str, version: int) -> JsonObject:
        """Why the memory of this version was not shown, or why it was. Raises InvalidRequest for what is none."""
        ...

    async def what_if(self, owner: str, session: str, turn: str, asked: WhatIf) -> JsonObject:
        """The context that would have been, beside the real one. Raises InvalidRequest for an unknown policy, and
        ContextTooLong for a window too small."""
        ...

    async def latest(self, owner: str, session: str) -> str:
        """The id of the turn that began last. Raises NotFound where there is none."""
        ...

    async def bisect(self, owner: str, session: str, expected: Expectation) -> JsonObject:
        """After which event the query no longer recalls what it should."""
        ...


class Archive(Protocol):
    """Sessions brought in and out."""

    def export(self, owner: str, session: str) -> AsyncIterator[bytes]:
        """Pieces of JSONL. NotFound is raised before the first piece."""
        ...

    def export_chat(self, owner: str, session: str) -> AsyncIterator[bytes]:
        """Pieces of a chat file of SillyTavern. NotFound is raised before the first piece."""
        ...

    async def import_(self, owner: str, payload: JsonObject, session: str | None) -> JsonObject:
        """Make a session, named `session` if given, of `payload`: `{"messages": […]}`, or `{"lines": […]}` for the
        objects of a JSONL file (an export, a chat file, a message a line). Raises InvalidRequest, and Conflict when the
        id is taken; nothing is stored then."""
        ...


Health = Callable[[], Awaitable[JsonObject]]
"""Tells how the server is; `status` is "ok" when it can serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that the routes may use. `base_url` is where clients reach the server, without a path."""

    turns: Turns
    sessions: Sessions
    branches: Branches
    reasons: Reasons
    archive: Archive
    encoder: Encoder
    model: ChatModel
    tokens: TokenCounter
    health: Health
    metrics: Metrics
    base_url: str
    owners: Owners = field(default_factory=Everybody)
    allowance: Allowance = field(default_factory=Unlimited)
    sizes: Sizes = field(default_factory=Sizes)
    tracer_provider: "TracerProvider | None" = None
    """Where the spans of requests go; None where nobody traces."""
    shutdown: Shutdown = field(default_factory=Shutdown)
    started: int = field(default_factory=lambda: int(time.time()))
    """Seconds since the epoch."""
