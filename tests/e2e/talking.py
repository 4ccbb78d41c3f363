"""Talking to a server by the official SDK, and reading what it remembers of a session."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, cast

from openai import APIResponse, OpenAI, Stream
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

from tests.server_process import ServerProcess


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A reply, whole. `headers` are the response's."""

    text: str
    finish_reason: str | None
    id: str
    usage: CompletionUsage | None
    headers: Mapping[str, str]

    @property
    def turn(self) -> str:
        return self.headers["x-turn-id"]

    @property
    def session(self) -> str:
        return self.headers["x-session-id"]


def user(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def ask(client: OpenAI, messages: Iterable[ChatCompletionMessageParam] | str, **more: Any) -> Heard:
    """The reply in one response."""
    sent = user(messages) if isinstance(messages, str) else messages
    # The wrapper's type does not survive pyright's strict mode.
    create = cast("Callable[..., APIResponse[ChatCompletion]]", client.chat.completions.with_raw_response.create)
    raw = create(model="any", messages=sent, **more)
    completion = raw.parse()
    (choice,) = completion.choices
    return Heard(
        text=choice.message.content or "",
        finish_reason=choice.finish_reason,
        id=completion.id,
        usage=completion.usage,
        headers=raw.headers,
    )


def stream(
    client: OpenAI, messages: Iterable[ChatCompletionMessageParam] | str, **more: Any
) -> Stream[ChatCompletionChunk]:
    """The reply as it comes. Close it."""
    sent = user(messages) if isinstance(messages, str) else messages
    return client.chat.completions.create(
        model="any", messages=sent, stream=True, stream_options={"include_usage": True}, **more
    )


def heard(stream: Stream[ChatCompletionChunk]) -> Heard:
    """The rest of a stream."""
    chunks = list(stream)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    return Heard(
        text="".join(choice.delta.content or "" for choice in choices),
        finish_reason=choices[-1].finish_reason,
        id=chunks[0].id,
        usage=chunks[-1].usage,
        headers=stream.response.headers,
    )


def events(server: ServerProcess, session: str) -> list[dict[str, Any]]:
    """All that happened in a session."""
    found: list[dict[str, Any]] = []
    more = True
    while more:
        page = server.get(f"/sessions/{session}/events", limit=1000, after=len(found))
        found += page["data"]
        more = page["has_more"]
    return found


def messages(server: ServerProcess, session: str) -> list[tuple[str, str]]:
    """Role and text of all messages in view (a thousand at most)."""
    listed = server.get(f"/sessions/{session}/messages", limit=1000)["data"]
    return [(message["role"], message["text"]) for message in listed]


def turns(server: ServerProcess, session: str) -> list[str]:
    """Every turn of a session, in order."""
    return [event["data"]["turn"] for event in events(server, session) if event["type"] == "session.context-built"]


def replays(server: ServerProcess, session: str, last: int = 0) -> list[dict[str, Any]]:
    """Every turn of a session, or its last ones, rendered again."""
    asked = turns(server, session)[-last:]
    return [server.post(f"/sessions/{session}/turns/{turn}/replay") for turn in asked]


def all_identical(server: ServerProcess, session: str, last: int = 0) -> bool:
    """Whether there are turns in a session and each, or each of the last, replays to the same bytes."""
    replayed = replays(server, session, last)
    return bool(replayed) and all(one["identical"] is True for one in replayed)


def until_stored(server: ServerProcess, session: str, count: int) -> None:
    """Wait until the session has so many messages: what becomes of a reply whose client left is stored behind it."""
    deadline = monotonic() + 5
    while len(messages(server, session)) < count:
        assert monotonic() < deadline, "the end of the turn was not stored"
        sleep(0.02)
