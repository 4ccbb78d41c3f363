"""What stands behind the HTTP surface in its own tests: answers, turns and sessions that need no log and no model."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from api.chat.request import TurnRequest
from api.metrics import Metrics
from api.ports import ChatModel, Delta, Encoding, Finish, ModelFailed, Provider, ReplyDelta, Streamed
from api.services import Expectation, KnownAnswer, Page, RecallQuestion, Services, WhatIf
from domain.errors import HeartlineError, InvalidRequest, NotFound
from domain.records import Json, JsonObject, NeutralMessage, Usage
from tests.fakes_metrics import NotedMetrics

USAGE: Usage = {
    "input_tokens": 12,
    "output_tokens": 3,
    "cached_tokens": 4,
    "reasoning_tokens": 0,
    "estimated": False,
}


@dataclass(kw_only=True)
class FakeAnswer:
    """Says its pieces (a string is one of text), waiting `pause` seconds before each, and then fails with `error` or
    ends with `finish`."""

    pieces: Sequence[str | ReplyDelta] = ("Hello", " there.")
    pause: float = 0.0
    error: Exception | None = None
    finish: Finish = field(default_factory=lambda: Finish(reason="stop", usage=USAGE, model="fake-1"))
    session: str = "tea"
    turn: str = "t1"
    model: str = "fake-1"
    created: int = 1_700_000_000
    left_out: int = 0
    is_turn: bool = True
    warning: str | None = None
    cancelled: int = 0
    ended: bool = False
    ready: bool = False

    async def stream(self) -> AsyncIterator[Streamed]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            yield Delta(piece) if isinstance(piece, str) else piece
        if self.error is not None:
            raise self.error
        self.ended = True
        yield self.finish

    async def cancel(self) -> None:
        self.cancelled += 1


@dataclass
class FakeTurns:
    """Gives out one answer, or raises `error`, `delay` seconds after it was asked; remembers what it was asked."""

    reply: FakeAnswer = field(default_factory=FakeAnswer)
    error: Exception | None = None
    delay: float = 0.0
    asked: list[TurnRequest] = field(default_factory=list[TurnRequest])
    given_up: int = 0

    async def answer(self, request: TurnRequest) -> FakeAnswer:
        self.asked.append(request)
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.error is not None:
            raise self.error
        return self.reply


def listed(data: Sequence[JsonObject], *, has_more: bool = False) -> JsonObject:
    return {"object": "list", "data": list(data), "has_more": has_more}


@dataclass
class FakeSessions:
    """One session, "tea", of the owner "local". Answers tell how they were asked."""

    happened: list[JsonObject] = field(
        default_factory=lambda: cast(list[JsonObject], [{"version": 1, "type": "a"}, {"version": 2, "type": "b"}])
    )
    imported: list[tuple[JsonObject, str | None]] = field(default_factory=list[tuple[JsonObject, str | None]])
    broken: HeartlineError | None = None

    async def list(self, owner: str, *, limit: int, after: str | None = None, search: str | None = None) -> JsonObject:
        return listed([{"id": "tea", "owner": owner, "limit": limit, "after": after, "search": search}])

    async def usage(self, owner: str, *, days: int) -> JsonObject:
        return listed([{"owner": owner, "days": days}])

    async def state(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        self._known(owner, session)
        if at is not None and at > len(self.happened):
            raise InvalidRequest("The session has no such version yet.", param="at")
        return {"id": session, "at": at}

    async def events(self, owner: str, session: str, *, after: int, limit: int) -> JsonObject:
        self._known(owner, session)
        if self.broken is not None and after:
            raise self.broken
        newer = [event for event in self.happened if cast(int, event["version"]) > after]
        return listed(newer[:limit], has_more=len(newer) > limit)

    async def news(self, owner: str, session: str, *, after: int, seconds: float) -> None:
        await asyncio.sleep(0.02)

    async def messages(self, owner: str, session: str, *, at: int | None, page: Page) -> JsonObject:
        self._known(owner, session)
        return listed([{"at": at, "limit": page.limit, "after": page.after, "offset": page.offset}])

    async def siblings(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        self._known(owner, session)
        return listed([{"text": "Coffee.", "at": at}])

    async def emotions(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        self._known(owner, session)
        return listed([{"label": "joy", "at": at}])

    async def summaries(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        self._known(owner, session)
        return listed([{"text": "Tea.", "at": at}])

    async def turn(self, owner: str, session: str, turn: str, *, at: int | None) -> JsonObject:
        self._known(owner, session)
        return {"id": turn, "at": at}

    async def replay(self, owner: str, session: str, turn: str) -> JsonObject:
        self._known(owner, session)
        return {"identical": True, "turn": turn}

    async def recall(self, owner: str, session: str, question: RecallQuestion) -> JsonObject:
        self._known(owner, session)
        return listed([{"query": question.query, "k": question.k, "at": question.at, "filters": question.filters}])

    async def rewind(self, owner: str, session: str, *, to: int) -> JsonObject:
        self._known(owner, session)
        return {"session_id": session, "version": to}

    async def fork(self, owner: str, session: str, *, at: int | None, name: str | None) -> JsonObject:
        self._known(owner, session)
        return {"session_id": name, "parent": session, "at": at}

    async def carry(self, owner: str, session: str, *, source: str, version: int) -> JsonObject:
        self._known(owner, session)
        return {"session_id": session, "from": {"session_id": source, "version": version}}

    async def diff(self, owner: str, session: str, other: str) -> JsonObject:
        self._known(owner, session)
        return {"a": session, "b": other}

    async def export(self, owner: str, session: str) -> AsyncIterator[bytes]:
        self._known(owner, session)
        yield b'{"version":1}\n'
        yield b'{"version":2}\n'

    async def export_chat(self, owner: str, session: str) -> AsyncIterator[bytes]:
        self._known(owner, session)
        yield b'{"user_name":"Robin","character_name":"Mira"}\n'

    async def import_(self, owner: str, payload: JsonObject, session: str | None) -> JsonObject:
        self.imported.append((payload, session))
        return {"id": session or "new"}

    def _known(self, owner: str, session: str) -> None:
        if (owner, session) != ("local", "tea"):
            raise NotFound("There is no such session.", param="session")


class FakeEncoder:
    """Two dimensions: a text of several lines has a part a line; "a" points one way, everything else the other."""

    id = "letters@1"
    dimensions = 2

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        return [Encoding(np.array([_letter(line) for line in text.split("\n")], dtype=np.float16)) for text in texts]


def _letter(line: str) -> tuple[float, float]:
    return (1.0, 0.0) if line == "a" else (0.0, 1.0)


class FakeReasons:
    """Answers tell how they were asked."""

    async def why_not(self, owner: str, session: str, turn: str, version: int) -> JsonObject:
        return {"owner": owner, "session": session, "turn": turn, "version": version}

    async def what_if(self, owner: str, session: str, turn: str, asked: WhatIf) -> JsonObject:
        return {
            **{"owner": owner, "session": session, "turn": turn},
            **{"policy": asked.policy, "top_k": asked.top_k, "budget": asked.budget},
        }

    async def latest(self, owner: str, session: str) -> str:
        raise NotImplementedError

    async def bisect(self, owner: str, session: str, expected: Expectation) -> JsonObject:
        raise NotImplementedError

    async def compare(
        self, owner: str, session: str, policies: tuple[str, str], questions: Sequence[KnownAnswer] = ()
    ) -> JsonObject:
        raise NotImplementedError


class FakeModel:
    """Lists two names, others or (None) nothing; nothing of it streams, the answers do."""

    provider: Provider = "offline"
    default = "fake-1"

    def __init__(self, listed: Sequence[str] | None = ("fake-1", "makers/fake-2")) -> None:
        self._listed = listed

    async def models(self) -> list[str]:
        if self._listed is None:
            raise ModelFailed("The language model cannot be reached.", code="upstream_unavailable", status=503)
        return list(self._listed)

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        raise NotImplementedError

    def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


class WordCounter:
    """A token is a word."""

    name = "words"

    def count(self, text: str) -> int:
        return len(text.split())


def fake_services(
    turns: FakeTurns | None = None,
    sessions: FakeSessions | None = None,
    health: dict[str, Json] | None = None,
    metrics: Metrics | None = None,
    model: ChatModel | None = None,
    **borders: Any,
) -> Services:
    """Services of fakes; those that a test looks into are handed in, the borders' (owners, allowance, sizes) too."""

    async def state() -> JsonObject:
        return health if health is not None else {"status": "ok"}

    stored = sessions or FakeSessions()
    return Services(
        turns=turns or FakeTurns(),
        sessions=stored,
        branches=stored,
        reasons=FakeReasons(),
        archive=stored,
        encoder=FakeEncoder(),
        model=model or FakeModel(),
        tokens=WordCounter(),
        health=state,
        metrics=metrics or NotedMetrics(),
        base_url="http://heartline.test",
        **borders,
    )
