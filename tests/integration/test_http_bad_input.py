"""Requests that make no sense, over real HTTP.

Always OpenAI's error object, never 422 or 500, and nothing reaches a turn.
"""

import socket
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from api.app import create_app
from tests.fakes_http import FakeTurns, fake_services
from tests.serving import Served, serving

USER: dict[str, Any] = {"role": "user", "content": "hi"}
GOOD: dict[str, Any] = {"messages": [USER]}
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Door:
    """A served application, and the turns behind it."""

    served: Served
    turns: FakeTurns
    client: httpx2.Client

    def refuses(self, response: httpx2.Response, status: int = 400) -> dict[str, Any]:
        """The error object. Nothing may have been asked of a turn."""
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-request-id"]
        error: dict[str, Any] = response.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"]
        assert error["type"] == "invalid_request_error"
        assert self.turns.asked == []
        return error


@pytest.fixture(scope="module")
def door() -> Generator[Door]:
    turns = FakeTurns()
    with (
        serving(create_app(fake_services(turns))) as served,
        httpx2.Client(base_url=served.url, timeout=20) as client,
    ):
        yield Door(served, turns, client)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"hello",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe\x00",
        b'{"messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"messages":[{"role":"user","content":"\\u0000"}]}',
        b"[" * 100_000,
        b"{}",
        b'{"messages":[]}',
        b'{"messages":null}',
        b'{"messages":[{}]}',
        b'{"messages":[{"role":"user","content":""}]}',
        b'{"messages":[{"role":"wizard","content":"hi"}]}',
        b'{"messages":[{"role":"function","name":"f","content":"1"}]}',
    ],
    ids=lambda raw: repr(raw[:50]),
)
@pytest.mark.parametrize("path", [CHAT, "/sessions/tea" + CHAT])
def test_a_body_that_makes_no_sense(door: Door, path: str, raw: bytes) -> None:
    door.refuses(door.client.post(path, content=raw))


FIELDS = [
    "messages",
    "model",
    "stream",
    "stream_options",
    "n",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "metadata",
    "session_id",
    "user",
    "tools",
    "functions",
]


@pytest.mark.parametrize("name", FIELDS)
def test_a_wrong_type_in_any_field(door: Door, name: str) -> None:
    text_fields = {"model", "reasoning_effort", "verbosity", "session_id", "user"}
    wrong: object = 5 if name in text_fields | {"stop", "stream", "messages"} else "five"

    assert door.refuses(door.client.post(CHAT, json={**GOOD, name: wrong}))["param"] == name


@pytest.mark.parametrize("n", [0, -1, 17, 500])
def test_no_choice_or_far_too_many(door: Door, n: int) -> None:
    error = door.refuses(door.client.post(CHAT, json={**GOOD, "n": n}))

    assert error["param"] == "n"
    assert "should be" in error["message"]


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings", "/sessions/tea/recall", "/sessions/import"])
@pytest.mark.parametrize("raw", [b"", b"{", b'"x"', b"\xff", b'{"a":"\\ud800"}', b'{"a":"\\u0000"}'])
def test_other_bodies_that_make_no_sense(door: Door, path: str, raw: bytes) -> None:
    door.refuses(door.client.post(path, content=raw))


@pytest.mark.parametrize("session", ["a%2Fb", "%2F", "%00", "a%0Ab", "%7F", "%20", "%FF", "%ED%A0%80", "x" * 201])
@pytest.mark.parametrize(
    ("method", "rest"), [("POST", CHAT), ("GET", ""), ("GET", "/messages"), ("GET", "/v1/models"), ("POST", "/recall")]
)
def test_a_session_in_the_path_that_is_no_id(door: Door, method: str, rest: str, session: str) -> None:
    # httpx would write the path anew.
    status = _status_of(door.served.port, f"{method} /sessions/{session}{rest} HTTP/1.1", b'{"messages":[]}')

    assert status == 400


@pytest.mark.parametrize("session", [b"a/b", b"a%2Fb", b"%00", b"", b"%20", b"\xff", b"%0A", b"x" * 201])
def test_a_session_in_the_header_that_is_no_id(door: Door, session: bytes) -> None:
    headers = {b"X-Session-ID": session}

    assert door.refuses(door.client.post(CHAT, json=GOOD, headers=headers))["param"] == "X-Session-ID"


@pytest.mark.parametrize("session", ["", " ", "a/b", "a\nb", "x" * 201])
@pytest.mark.parametrize("place", ["session_id", "metadata"])
def test_a_session_in_the_body_that_is_no_id(door: Door, place: str, session: str) -> None:
    named = {"session_id": session} if place == "session_id" else {"metadata": {"session_id": session}}

    assert "session_id" in door.refuses(door.client.post(CHAT, json={**GOOD, **named}))["param"]


@pytest.mark.parametrize(
    "url",
    [
        "/sessions?limit=0",
        "/sessions?limit=-1",
        "/sessions?limit=x",
        "/sessions?limit=100000",
        "/sessions?after=a/b",
        "/sessions?search=a%00",
        "/sessions/tea/messages?offset=-1",
        "/usage?days=0",
        "/usage?days=367",
        "/sessions/tea?at=0",
        "/sessions/tea?at=-1",
        "/sessions/tea?at=x",
        "/sessions/tea?at=",
        "/sessions/tea?at=99999999999999999999",
        "/sessions/tea?at=99",
        "/sessions/tea/events?after=-1",
        "/sessions/tea/events?follow=maybe",
        "/sessions/tea/messages?at=1.5",
        "/sessions/tea/emotions?at=x",
        "/sessions/tea/summaries?at=x",
        "/sessions/tea/turns/t1?at=0",
        "/sessions/tea/turns/%00",
    ],
)
def test_wrong_query_parameters(door: Door, url: str) -> None:
    door.refuses(door.client.get(url))


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/models/", 404),
        ("GET", "/v1/models/nobody", 404),
        ("GET", "/sessions//messages", 404),
        ("GET", "/sessions/nobody", 404),
        ("GET", "/sessions/nobody/export", 404),
        ("GET", "/sessions/nobody/events?follow=true", 404),
        ("GET", f"/sessions/tea/turns/{'t' * 101}", 404),
        ("GET", CHAT, 405),
        ("DELETE", "/health", 405),
    ],
)
def test_what_is_not_there(door: Door, method: str, url: str, status: int) -> None:
    door.refuses(door.client.request(method, url), status)


def test_a_body_announced_too_large_is_refused_unread(door: Door) -> None:
    request = f"POST {CHAT} HTTP/1.1"

    assert _status_of(door.served.port, request, b"", headers="Content-Length: 999999999\r\n") == 413


def test_a_body_that_grows_too_large_is_refused(door: Door) -> None:
    def endless() -> Generator[bytes]:
        for _ in range(11):
            yield b" " * 1024 * 1024

    error = door.refuses(door.client.post(CHAT, content=endless()), 413)

    assert error["code"] == "body_too_large"


def test_an_import_may_be_larger(door: Door) -> None:
    text = "x" * 11 * 1024 * 1024

    response = door.client.post("/sessions/import", json={"messages": [{"role": "user", "text": text}]})

    assert response.json() == {"id": "new"}


def _status_of(port: int, request: str, body: bytes, headers: str | None = None) -> int:
    """The status of a raw request, byte for byte as it is written here."""
    length = f"Content-Length: {len(body)}\r\n" if headers is None else headers
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{request}\r\nHost: localhost\r\nConnection: close\r\n{length}\r\n".encode() + body)
        answer = connection.recv(65536)
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("path", [CHAT, "/sessions/import"])
def test_json_nested_a_thousand_levels(door: Door, path: str) -> None:
    raw = b'{"messages": [{"role": "user", "content": ' + b"[" * 1000 + b'"\\u0000"' + b"]" * 1000 + b"}]}"

    door.refuses(door.client.post(path, content=raw))
