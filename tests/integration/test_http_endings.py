"""How responses end when somebody goes away: the client, or the server."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx2
import orjson
import pytest
from starlette.requests import Request
from starlette.types import Message, Scope

from api.app import create_app
from api.chat.request import Address, TurnRequest
from api.errors import ClientGone
from api.routes.replies import ReplyStream, begin
from api.services import Services
from api.shutdown import Shutdown
from api.wire.completion_response import ChatShape
from tests.fakes_http import FakeAnswer, FakeSessions, FakeTurns, fake_services
from tests.serving import Served, serving

ROOT = Path(__file__).parents[2]


def body(*, stream: bool) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hi"}], "stream": stream}


def slow_answer() -> FakeAnswer:
    return FakeAnswer(pieces=["word "] * 200, pause=0.05)


@contextmanager
def served_services(turns: FakeTurns, grace: float = 5.0) -> Generator[tuple[Served, Services]]:
    services = fake_services(turns)
    with serving(create_app(services), grace=grace) as served:
        yield served, services


@contextmanager
def streaming(url: str, path: str = "/v1/chat/completions") -> Generator[Generator[str]]:
    """The lines of a stream that has begun."""
    with httpx2.stream("POST", url + path, json=body(stream=True), timeout=20) as response:
        lines = (line for line in response.iter_lines() if line)
        yield lines


def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.01)


def finish_reasons(lines: Sequence[str]) -> list[str | None]:
    frames = [orjson.loads(line.removeprefix("data: ")) for line in lines if line != "data: [DONE]"]
    return [choice["finish_reason"] for frame in frames for choice in frame["choices"]]


# -- the client --------------------------------------------------------------------------------------------------------


def test_a_client_that_leaves_a_stream_cancels_the_answer() -> None:
    reply = slow_answer()

    with served_services(FakeTurns(reply)) as (served, _):
        with streaming(served.url) as lines:
            next(lines)
        until(lambda: reply.cancelled)

    assert not reply.ended


def test_a_client_that_leaves_while_a_whole_reply_is_collected_cancels_the_answer() -> None:
    reply = slow_answer()

    with served_services(FakeTurns(reply)) as (served, _):
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{served.url}/v1/chat/completions", json=body(stream=False), timeout=0.3)
        until(lambda: reply.cancelled)

    assert not reply.ended


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_answer_begins_is_not_waited_for(stream: bool) -> None:
    turns = FakeTurns(delay=30)

    with served_services(turns) as (served, _):
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{served.url}/v1/chat/completions", json=body(stream=stream), timeout=0.3)
        until(lambda: turns.given_up)

    assert turns.given_up == 1


def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    turns = FakeTurns()

    with served_services(turns) as (served, _):
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        sleep(0.2)

    assert turns.asked == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_answer_that_comes_when_nobody_waits_any_more_is_cancelled() -> None:
    reply = FakeAnswer()

    class Stubborn:
        async def answer(self, request: TurnRequest) -> FakeAnswer:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(30)
            return reply

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    asked = TurnRequest(
        owner="local", address=Address(), messages=[], model=None, parameters={}, arrived=0.0, parse_ms=0.0
    )
    with pytest.raises(ClientGone):
        await begin(Request({"type": "http"}, gone), Stubborn(), Shutdown(), asked)

    assert reply.cancelled


async def test_an_answer_is_cancelled_even_if_its_stream_never_begins() -> None:
    reply = FakeAnswer()
    response = ReplyStream(reply, ChatShape(reply, include_usage=False), Shutdown(), usage=False)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def stuck(message: Message) -> None:
        await asyncio.sleep(30)

    scope: Scope = {"type": "http", "method": "POST"}
    await response(scope, gone, stuck)

    assert reply.cancelled


async def test_a_client_that_stops_reading_is_let_go() -> None:
    reply = FakeAnswer()
    response = ReplyStream(reply, ChatShape(reply, include_usage=False), Shutdown(), usage=False)
    response.send_timeout = 0.05

    async def silent() -> Message:
        await asyncio.sleep(30)
        raise ClientGone

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(30)

    scope: Scope = {"type": "http", "method": "POST"}
    await response(scope, silent, stuck)

    assert reply.cancelled


async def test_a_quiet_stream_is_kept_alive_by_comments() -> None:
    reply = FakeAnswer(pieces=["a"], pause=0.2)
    response = ReplyStream(reply, ChatShape(reply, include_usage=False), Shutdown(), usage=False)
    response.ping_interval = 0.05
    sent: list[bytes] = []

    async def silent() -> Message:
        await asyncio.sleep(30)
        raise ClientGone

    async def keep(message: Message) -> None:
        sent.append(message.get("body", b""))

    scope: Scope = {"type": "http", "method": "POST"}
    await response(scope, silent, keep)

    text = b"".join(sent)
    assert b": ping" in text
    assert b"\r" not in text
    assert b"id:" not in text.replace(b'"id":', b"")


# -- the server --------------------------------------------------------------------------------------------------------


def test_a_stream_that_ends_within_the_grace_is_whole() -> None:
    reply = FakeAnswer(pieces=["word "] * 10, pause=0.05)

    with served_services(FakeTurns(reply), grace=10) as (served, _), streaming(served.url) as lines:
        got = [next(lines), next(lines)]
        served.begin_to_stop()
        got.extend(lines)

    assert finish_reasons(got)[-1] == "stop"
    assert got[-1] == "data: [DONE]"
    assert reply.ended


def test_a_stream_beyond_the_grace_is_ended_cleanly() -> None:
    reply = slow_answer()

    with served_services(FakeTurns(reply), grace=0.5) as (served, _), streaming(served.url) as lines:
        got = [next(lines), next(lines)]
        begun = monotonic()
        served.begin_to_stop()
        got.extend(lines)
        took = monotonic() - begun

    assert finish_reasons(got)[-1] == "length"
    assert got[-1] == "data: [DONE]"
    assert reply.cancelled
    assert took < 3


def test_a_whole_reply_beyond_the_grace_is_what_was_said_so_far() -> None:
    reply = slow_answer()
    turns = FakeTurns(reply)

    with served_services(turns, grace=0.5) as (served, _), httpx2.Client(timeout=20) as client:
        response = _post_and_stop(client, served, turns)

    choice = response.json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"].startswith("word ")
    assert reply.cancelled


def test_a_request_that_still_waits_for_its_answer_is_told_to_come_again() -> None:
    turns = FakeTurns(delay=30)

    with served_services(turns, grace=0.2) as (served, _), httpx2.Client(timeout=20) as client:
        response = _post_and_stop(client, served, turns)

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "shutting_down"
    assert response.headers["retry-after"] == "1"
    assert turns.given_up == 1


def _post_and_stop(client: httpx2.Client, served: Served, turns: FakeTurns) -> httpx2.Response:
    """The response to a request during which the server is told to stop."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, f"{served.url}/v1/chat/completions", json=body(stream=False))
        until(lambda: turns.asked)
        sleep(0.2)
        served.begin_to_stop()
        return waiting.result()


def test_a_followed_session_ends_with_the_server() -> None:
    services = fake_services(sessions=FakeSessions())

    with serving(create_app(services)) as served:
        url = f"{served.url}/sessions/tea/events?follow=true"
        with httpx2.stream("GET", url, timeout=20) as response:
            lines = (line for line in response.iter_lines() if line)
            assert [next(lines) for _ in range(4)][::2] == ["id: 1", "id: 2"]
            served.begin_to_stop()
            rest = list(lines)

    assert rest == []


@pytest.mark.parametrize(("pieces", "reason"), [(10, "stop"), (400, "length")])
def test_sigterm_ends_open_streams_and_then_the_process(pieces: int, reason: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.serve_fakes", str(pieces)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        _wait_until_served(url)
        with streaming(url) as lines:
            got = [next(lines), next(lines)]
            process.send_signal(signal.SIGTERM)
            got.extend(lines)
        out, _ = process.communicate(timeout=20)

    assert finish_reasons(got)[-1] == reason
    assert got[-1] == "data: [DONE]"
    assert process.returncode == 0
    assert out == f"closed, cancelled: {reason == 'length'}\n"


def _wait_until_served(url: str) -> None:
    def answers() -> bool:
        try:
            return httpx2.get(f"{url}/health").is_success
        except httpx2.TransportError:
            return False

    until(answers, seconds=20)
