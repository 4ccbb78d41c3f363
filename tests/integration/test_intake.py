"""Requests that are too large, too many or too slow, byte for byte over real sockets.

OpenAI's error object each time, nothing of a refused request reaches a turn, and the server answers the next one.
"""

import json
import socket
import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any, cast

import httpx2
import pytest

from api.access.sizes import Sizes
from api.app import create_app
from tests.fakes_http import FakeTurns, fake_services
from tests.serving import Served, serving

CHAT = "/v1/chat/completions"
SMALL = Sizes(body_bytes=2**18, import_bytes=2**19, messages=50, body_seconds=0.6)


@pytest.fixture(scope="module")
def turns() -> FakeTurns:
    return FakeTurns()


@pytest.fixture(scope="module")
def served(turns: FakeTurns) -> Generator[Served]:
    with serving(create_app(fake_services(turns, sizes=SMALL))) as served:
        yield served


@pytest.fixture(autouse=True)
def nothing_asked(served: Served, turns: FakeTurns) -> Generator[None]:
    """Whatever a test sends, no turn hears of it, and the server is well afterwards."""
    turns.asked.clear()
    yield
    assert turns.asked == []
    assert httpx2.get(f"{served.url}/health").json() == {"status": "ok"}


def refused(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    return error


def said(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_a_body_above_the_limit(served: Served) -> None:
    error = refused(httpx2.post(served.url + CHAT, json={"messages": [said("x" * 2**18)]}), 413, "body_too_large")

    assert error["message"] == "The body of a request must not exceed 0.25 MB."


def test_an_import_has_a_limit_of_its_own(served: Served) -> None:
    within = httpx2.post(f"{served.url}/sessions/import", json={"messages": [said("x" * 2**18)]})
    above = httpx2.post(f"{served.url}/sessions/import", json={"messages": [said("x" * 2**19)]})

    assert within.status_code == 200
    refused(above, 413, "body_too_large")


def test_more_messages_than_one_request_may_have(served: Served) -> None:
    error = refused(httpx2.post(served.url + CHAT, json={"messages": [said("x")] * 51}), 400, "invalid_request")

    assert error["param"] == "messages"
    assert "at most 50 messages" in error["message"]


@pytest.mark.parametrize("sent", [{"X-Long": "x" * 100_000}, {f"X-{number}": "x" * 1000 for number in range(100)}])
def test_headers_of_100_kb(served: Served, sent: dict[str, str]) -> None:
    refused(httpx2.get(f"{served.url}/v1/models", headers=sent), 431, "headers_too_large")


def test_an_address_of_100_kb(served: Served) -> None:
    address = b"/v1/models?x=" + b"x" * 100_000

    with Slow(served) as slow:
        answer, _ = slow.trickle(b"GET " + address + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"")

    assert error_in(answer, 400)["message"] == "Invalid HTTP request received."


class Slow:
    """A connection that sends a piece now and then, until it is answered or closed."""

    def __init__(self, served: Served) -> None:
        self._connection = socket.create_connection(("127.0.0.1", served.port), timeout=0.05)

    def __enter__(self) -> "Slow":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def trickle(self, begin: bytes, piece: bytes, *, seconds: float = 10.0) -> tuple[bytes, float]:
        """What came back until the connection was closed, and after how many seconds it was."""
        begun, answer = time.monotonic(), b""
        self._send(begin)
        while (passed := time.monotonic() - begun) < seconds:
            try:
                received = self._connection.recv(65536)
            except TimeoutError:
                self._send(piece)
            except ConnectionResetError:
                return answer, passed
            else:
                if not received:
                    return answer, passed
                answer += received
        raise AssertionError(f"the connection is still open after {seconds} seconds: {answer!r}")

    def _send(self, piece: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.sendall(piece)


def error_in(answer: bytes, status: int) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer
    return cast("dict[str, Any]", json.loads(body)["error"])


def test_headers_that_never_end(served: Served) -> None:
    with Slow(served) as slow:
        answer, seconds = slow.trickle(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n")

    assert error_in(answer, 408)["code"] == "request_timeout"
    assert 0.5 < seconds < 4


def test_headers_that_never_end_and_never_stop_growing(served: Served) -> None:
    with Slow(served) as slow:
        answer, _ = slow.trickle(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a" * 20_000)

    assert error_in(answer, 431)["code"] == "headers_too_large"


def test_a_connection_that_says_nothing_is_closed(served: Served) -> None:
    with Slow(served) as slow:
        answer, seconds = slow.trickle(b"", b"")

    assert answer == b""
    assert 0.5 < seconds < 4


def test_a_body_that_trickles(served: Served) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n".encode()

    with Slow(served) as slow:
        answer, seconds = slow.trickle(head, b"{")

    error = error_in(answer, 408)
    assert (error["type"], error["code"]) == ("invalid_request_error", "request_timeout")
    assert 0.5 < seconds < 6, "answered, and closed although the rest of the body still trickled in"


def test_a_body_in_chunks_that_trickles(served: Served) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    with Slow(served) as slow:
        answer, _ = slow.trickle(head, b"1\r\n \r\n")

    assert error_in(answer, 408)["code"] == "request_timeout"


def test_a_slow_request_is_closed_between_good_ones_too(served: Served) -> None:
    """The limit begins anew with each request of a connection."""
    good = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"

    with Slow(served) as slow:
        answer, seconds = slow.trickle(good, b"G")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 4" in answer
    assert seconds < 6


def test_what_is_no_http_is_told_as_an_error_object(served: Served) -> None:
    with Slow(served) as slow:
        answer, _ = slow.trickle(b"\x16\x03\x01 hello\r\n\r\n", b"")

    assert error_in(answer, 400)["type"] == "invalid_request_error"


def test_a_large_body_that_comes_steadily_may_take_its_time(turns: FakeTurns) -> None:
    body = json.dumps({"input": "a " * 3000}).encode()

    def steadily() -> Generator[bytes]:
        for start in range(0, len(body), 600):
            yield body[start : start + 600]
            time.sleep(0.1)

    with serving(create_app(fake_services(turns, sizes=Sizes(body_seconds=0.5)))) as patient:
        begun = time.monotonic()
        answered = httpx2.post(f"{patient.url}/v1/embeddings", content=steadily())

        assert time.monotonic() - begun > 0.8
        assert answered.status_code == 200


def test_a_client_that_thinks_between_its_requests_keeps_its_connection(served: Served) -> None:
    with httpx2.Client(base_url=served.url) as client:
        first = client.get("/health")
        time.sleep(2 * SMALL.body_seconds)
        second = client.get("/health")

        assert (first.status_code, second.status_code) == (200, 200)
