"""What a hostile or broken client sends, against the real server: refused in OpenAI's words, nothing half-stored, and
the memory it took given back."""

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.server_process import ServerProcess, started

CHAT: Final = "/sessions/tea/v1/chat/completions"
KEY: Final = "key-of-mira"
ROUNDS: Final = 6
GROWTH_MB: Final = 40
"""What a process may keep of the rounds after the first: the allocator's slack, and nothing of a body."""


def said(content: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


TEN_MEGABYTES: Final = json.dumps(said("x" * 10 * 1024 * 1024)).encode()
JUST_WITHIN: Final = json.dumps(said("word " * 2_000_000)).encode()
MANY_MESSAGES: Final = json.dumps({"messages": [{"role": "user", "content": "hi"}] * 100_000}).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess]:
    folder = tmp_path_factory.mktemp("borders")
    with started(folder, HEARTLINE_API_KEYS=f"mira:{KEY}", RATE_LIMIT_REQUESTS_PER_MINUTE="0") as server:
        server.http.headers["Authorization"] = f"Bearer {KEY}"
        server.post(CHAT, said("My teapot has a chipped spout."))
        yield server


@pytest.fixture(autouse=True)
def nothing_stored(server: ServerProcess) -> Generator[None]:
    """Whatever a test sends, the log stands where it stood, and the next request is answered."""
    before = server.get("/health")["log"]
    yield
    health = server.get("/health")
    assert health["status"] == "ok"
    assert health["log"] == before
    assert [one["id"] for one in server.get("/sessions")["data"]] == ["tea"]


def refused(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (TEN_MEGABYTES, 413, "body_too_large"),
        (JUST_WITHIN, 400, "context_length_exceeded"),
        (MANY_MESSAGES, 400, "invalid_request"),
        (json.dumps(said("word " * 200_000)).encode(), 400, "context_length_exceeded"),
        (json.dumps(said("")).encode(), 400, "invalid_request"),
        (b"[" * 1_000_000, 400, "invalid_request"),
    ],
    ids=["10 MB", "one message of 10 MB", "100,000 messages", "one message of 1 MB", "empty message", "deep JSON"],
)
def test_what_is_too_much_or_nothing(server: ServerProcess, body: bytes, status: int, code: str) -> None:
    assert refused(server.http.post(CHAT, content=body), status)["code"] == code


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "video", "video": "x"},
        {"text": "no type"},
        "a bare string",
    ],
    ids=str,
)
def test_a_part_that_the_model_cannot_take(server: ServerProcess, part: object) -> None:
    error = refused(server.http.post(CHAT, json=said([{"type": "text", "text": "Look:"}, part])), 400)

    assert error["param"].startswith("messages")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -5}, "max_completion_tokens"),
        ({"max_tokens": 10**30}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 500}, "n"),
        ({"n": -1}, "n"),
        ({"temperature": 99}, "temperature"),
        ({"stream": "yes"}, "stream"),
    ],
    ids=str,
)
def test_a_parameter_out_of_its_range(server: ServerProcess, fields: dict[str, Any], param: str) -> None:
    assert refused(server.http.post(CHAT, json={**said("hi"), **fields}), 400)["param"] == param


@pytest.mark.parametrize("path", ["/v1/models/gpt-9", "/sessions/tea/v1/models/gpt-9"])
def test_a_model_that_is_not_there(server: ServerProcess, path: str) -> None:
    assert refused(server.http.get(path), 404)["code"] == "model_not_found"


def test_an_embedding_model_that_is_not_there(server: ServerProcess) -> None:
    error = refused(server.http.post("/v1/embeddings", json={"model": "ada", "input": "tea"}), 404)

    assert (error["code"], error["param"]) == ("model_not_found", "model")


@pytest.mark.parametrize("sent", [b"", b"Bearer", b"Bearer ", b"Bearer wrong", b"Basic eDp5", b"Bearer " + b"x" * 9000])
def test_no_key_an_empty_one_and_a_wrong_one(server: ServerProcess, sent: bytes) -> None:
    request = httpx2.Request("POST", server.url + CHAT, json=said("hi"), headers=[(b"Authorization", sent.strip())])

    answered = server.http.send(request)

    assert refused(answered, 401)["code"] == "invalid_api_key"
    assert answered.headers["www-authenticate"].startswith("Bearer")


def test_headers_of_100_kb(server: ServerProcess) -> None:
    assert refused(server.http.get("/sessions", headers={"X-Long": "x" * 100_000}), 431)["code"] == "headers_too_large"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process from /proc")
def test_memory_is_given_back(server: ServerProcess) -> None:
    """The worst bodies again and again: after the first round nothing may pile up."""

    def resident_mb() -> float:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def one_round() -> float:
        for body in (TEN_MEGABYTES, JUST_WITHIN, MANY_MESSAGES):
            assert server.http.post(CHAT, content=body).status_code in {400, 413}
        return resident_mb()

    before = resident_mb()
    resident = [one_round() for _ in range(ROUNDS)]

    assert resident[-1] - resident[0] < GROWTH_MB, (before, resident)
    print(f"resident MB before {before:.0f}, after each round {[round(one) for one in resident]}")  # noqa: T201
