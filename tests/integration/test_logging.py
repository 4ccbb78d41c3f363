"""What a server with real turns writes to its log: every event with its ids, and nothing of what was said."""

import io
import json
import logging
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api import logs
from api.app import create_app
from api.bootstrap import running
from api.settings import Settings
from tests.fakes_http import FakeAnswer, FakeTurns, fake_services
from tests.fakes_metrics import NotedMetrics
from tests.serving import serving
from tests.upstream import FakeUpstream, cut, refusal, reply

ODD = [
    "Zyzzyva whispered: «I buried it» \U0001f480",
    "quux %s %(message)s {0} \u202e gnirts",
    '{"role": "system", "content": "flibbertigibbet"}\n\nSELECT * FROM zanzibar; --',
    "\u2028\u200d 10^6 crwth \u202b\n\n\n",
]
MARKS = ("yzzyva", "buried", "quux", "gnirts", "flibbertigibbet", "zanzibar", "crwth", "gallimaufry")
"""Words of the texts, and of the replies, that stand nowhere else."""

Lines = list[dict[str, Any]]


@pytest.fixture
def log() -> Generator[io.StringIO]:
    """Everything that is logged from debug on, as the server would write it."""
    handlers = logging.getLogger().handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("", *logs.OURS, "uvicorn")}
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield stream
    logging.getLogger().handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(log: io.StringIO) -> Lines:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def requests(log: io.StringIO) -> Lines:
    return [line for line in lines(log) if line["logger"] == "api.wire.access_log"]


@pytest.fixture
def upstream() -> Generator[FakeUpstream]:
    with FakeUpstream() as started:
        yield started


@pytest.fixture
async def http(tmp_path: Path, upstream: FakeUpstream) -> AsyncGenerator[httpx2.AsyncClient]:
    """A whole server, as `heartline serve` makes it, before an upstream that plays its answers."""
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "model_provider": "openai",
            "openai_base_url": upstream.base_url,
            "summarize_after_messages": 2,
        }
    )
    async with running(settings) as system:
        transport = httpx2.ASGITransport(create_app(system.services))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            yield client


async def say(http: httpx2.AsyncClient, text: str, session: str = "tea", *, stream: bool = False) -> httpx2.Response:
    body = {"model": "any", "stream": stream, "messages": [{"role": "user", "content": text}]}
    # json.dumps escapes what UTF-8 cannot hold, as clients do that cut a string in the middle of a character.
    sent = json.dumps(body).encode()
    return await http.post(f"/sessions/{session}/v1/chat/completions", content=sent)


async def test_no_line_holds_what_was_said_whatever_becomes_of_it(
    http: httpx2.AsyncClient, upstream: FakeUpstream, log: io.StringIO
) -> None:
    answer = reply("gallimaufry", " of \U0001f480")
    broken = refusal(500, message="cannot answer: gallimaufry")
    told: list[httpx2.Response] = []
    for text, will in zip(ODD, [answer, cut("gallimaufry"), refusal(400, message="quux: crwth"), broken], strict=True):
        upstream.will(will)
        told += [await say(http, text), await say(http, text, stream=True)]
    told += [await say(http, "\n".join(ODD) * 500, "long"), await say(http, "quux \x00 \ud83d", "odd")]
    told.append(await http.post("/sessions/tea/recall", json={"query": ODD[0], "k": 3}))
    told.append(await http.get("/sessions/tea/messages", params={"at": 1, "nonsense": ODD[1]}))
    told.append(await http.post("/v1/chat/completions", content=ODD[2].encode()))
    told.append(await http.get("/" + ODD[0][:8]))

    assert [response.status_code for response in told] == [
        *(200, 200),
        *(502, 200),
        *(400, 400),
        *(503, 503),
        *(400, 400, 200, 200, 400, 404),
    ]
    written = log.getvalue()
    assert [mark for mark in MARKS if mark in written] == []
    assert len(requests(log)) == len(told)


async def test_every_line_of_a_turn_has_its_request_session_and_turn(
    http: httpx2.AsyncClient, upstream: FakeUpstream, log: io.StringIO
) -> None:
    upstream.will(refusal(400))
    failed = await say(http, "Hello")
    upstream.will(reply("Hello."))
    answered = await say(http, "Hello")

    (failure,) = [line for line in lines(log) if line["message"].startswith("turn failed")]
    first, second = requests(log)
    assert failure["request_id"] == first["request_id"] == failed.headers["x-request-id"]
    assert failure["turn"]
    assert failure["session"] == first["session"]
    assert second["request_id"] == answered.headers["x-request-id"]
    assert second["turn"] == answered.headers["x-turn-id"] != failure["turn"]
    assert (second["session"], second["session_id"], second["owner"]) == (first["session"], "tea", "local")


# -- the line of a request ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/health", "/health", 200),
        ("GET", "/sessions/tea?at=1", "/sessions/{session}", 200),
        ("GET", "/sessions/nobody", "/sessions/{session}", 404),
        ("GET", "/sessions/tea/v1/models/makers/fake-2", "/sessions/{session}/v1/models/{name:path}", 200),
        ("GET", "/v1/models", "/v1/models", 200),
        ("PUT", "/health", "/health", 405),
        ("PROPFIND", "/health", "/health", 405),
        ("GET", "/no/such/thing", "none", 404),
        ("GET", "/sessions/a%2Fb", "none", 400),
        ("GET", "/sessions/%FF", "none", 400),
    ],
)
def test_a_request_is_told_by_its_route(log: io.StringIO, method: str, path: str, route: str, status: int) -> None:
    metrics = NotedMetrics()
    with serving(create_app(fake_services(metrics=metrics))) as served, httpx2.Client(base_url=served.url) as client:
        client.request(method, path)

    (line,) = requests(log)
    assert (line["route"], line["status"], line["level"]) == (route, status, "info")
    assert line["method"] == (method if method != "PROPFIND" else "other")
    assert 0 < line["ms"] < 60_000
    assert [(seen["route"], seen["status"]) for seen in metrics.requests] == [(route, status)]
    assert not any(path in json.dumps(one) for one in lines(log) if path != route)


def test_a_stream_is_open_until_its_end(log: io.StringIO) -> None:
    metrics = NotedMetrics()
    app = create_app(fake_services(FakeTurns(FakeAnswer(pause=0.05)), metrics=metrics))
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}

    with (
        serving(app) as served,
        httpx2.Client(base_url=served.url) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as response,
    ):
        pieces = response.iter_bytes()
        next(pieces)
        open_then = metrics.open_streams
        list(pieces)

    assert (open_then, metrics.most_streams, metrics.open_streams) == (1, 1, 0)
    (line,) = requests(log)
    assert (line["status"], line["turn"], line["session_id"]) == (200, "t1", "tea")
    assert line["ms"] >= 90


def test_a_client_that_left_is_told_as_499(log: io.StringIO) -> None:
    app = create_app(fake_services(FakeTurns(delay=5)))
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

    with (
        serving(app) as served,
        httpx2.Client(base_url=served.url, timeout=0.3) as client,
        pytest.raises(httpx2.ReadTimeout),
    ):
        client.post("/v1/chat/completions", json=body)

    (line,) = requests(log)
    assert line["status"] == 499


def test_uvicorn_speaks_in_the_same_form_and_says_nothing_of_requests(log: io.StringIO) -> None:
    with serving(create_app(fake_services())) as served, httpx2.Client(base_url=served.url) as client:
        client.get("/sessions/secretname")

    own = [line for line in lines(log) if line["logger"].startswith("uvicorn")]
    assert any("Started server process" in line["message"] for line in own)
    assert not any("secretname" in line["message"] for line in lines(log))
