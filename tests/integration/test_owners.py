"""A walk over all routes of the application: no key is 401, and another owner's session is not there.

A route that is not placed below fails the first test: say what it may show to whom.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from fastapi import FastAPI

from api.app import create_app
from tests.owners import BOB, MIRA, SECRET, client, owned_app, routes
from tests.system import System, system

SAID: Final[dict[str, Any]] = {"messages": [{"role": "user", "content": f"The {SECRET} is behind the clock."}]}


@dataclass(frozen=True)
class Asked:
    """A request that its owner is answered well: a body makes it what it is."""

    body: Any = None
    query: str = ""


HIDDEN: Final = {
    "GET /sessions/{session}": Asked(),
    "GET /sessions/{session}/events": Asked(),
    "GET /sessions/{session}/messages": Asked(),
    "GET /sessions/{session}/siblings": Asked(),
    "GET /sessions/{session}/emotions": Asked(),
    "GET /sessions/{session}/summaries": Asked(),
    "GET /sessions/{session}/turns/{turn}": Asked(),
    "POST /sessions/{session}/turns/{turn}/replay": Asked(),
    "GET /sessions/{session}/turns/{turn}/why-not": Asked(query="?version=2"),
    "POST /sessions/{session}/turns/{turn}/what-if": Asked({"policy": "cosine"}),
    "POST /sessions/{session}/recall": Asked({"query": "What is behind the clock?"}),
    "GET /sessions/{session}/export": Asked(),
    "GET /sessions/{session}/diff/{other}": Asked(),
    "POST /sessions/{session}/fork": Asked({"at": 2}),
    "POST /sessions/{session}/rewind": Asked({"to": 1}),
    "POST /sessions/{session}/carry": Asked({"from": "pantry", "version": 2}),
}
"""Of one session: 404 for every other owner."""

OWN: Final = {
    "GET /sessions": Asked(),
    "GET /usage": Asked(),
    "POST /sessions/import": Asked({"messages": [{"role": "user", "content": "Tea?"}]}, query="?id=pantry"),
    "POST /v1/chat/completions": Asked({"messages": [{"role": "user", "content": "Tea?"}]}),
    "POST /v1/completions": Asked({"prompt": "Tea?"}),
    "POST /sessions/{session}/v1/chat/completions": Asked({"messages": [{"role": "user", "content": "Tea?"}]}),
    "POST /sessions/{session}/v1/completions": Asked({"prompt": "Tea?"}),
}
"""Each owner has names of his own: the same one leads to another session."""

COMMON: Final = {
    "GET /metrics": Asked(),
    "GET /v1/models": Asked(),
    "GET /v1/models/{name:path}": Asked(),
    "POST /v1/embeddings": Asked({"input": "tea"}),
    "GET /sessions/{session}/v1/models": Asked(),
    "GET /sessions/{session}/v1/models/{name:path}": Asked(),
    "POST /sessions/{session}/v1/embeddings": Asked({"input": "tea"}),
}
"""The same for every owner, and nothing of any session."""

OPEN: Final = {
    "GET /": Asked(),
    "GET /health": Asked(),
    "GET /openapi.json": Asked(),
    "GET /studio/{file:path}": Asked(),
}
"""Answered without a key."""

CLOSED: Final = {**HIDDEN, **OWN, **COMMON}


@dataclass(frozen=True)
class House:
    """The application, and the turn in which mira told her secret in the session `pantry`."""

    app: FastAPI
    turn: str

    async def ask(self, route: str, asked: Asked, key: str | None) -> httpx2.Response:
        method, _, path = route.partition(" ")
        path = (
            path.replace("{session}", "pantry")
            .replace("{other}", "pantry")
            .replace("{turn}", self.turn)
            .replace("{name:path}", "fake-1")
            .replace("{file:path}", "main.js")
        )
        async with client(self.app, key) as http:
            return await http.request(method, path + asked.query, json=asked.body)

    async def of_mira(self) -> list[str]:
        """All that can be read of mira's session."""
        return [(await self.ask(route, asked, MIRA)).text for route, asked in HIDDEN.items() if route[:4] == "GET "]


@pytest.fixture
async def house(heartline: System) -> House:
    app = owned_app(heartline)
    async with client(app, MIRA) as mira:
        told = await mira.post("/sessions/pantry/v1/chat/completions", json=SAID)
    return House(app, told.headers["x-turn-id"])


def error_of(response: httpx2.Response) -> dict[str, Any]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_every_route_has_its_place_in_the_walk(house: House) -> None:
    assert routes(house.app) == {*CLOSED, *OPEN}


@pytest.mark.parametrize("key", [None, "", "wrong", MIRA[:-1], f"{MIRA}x", "mira:" + MIRA, "clé"])
async def test_no_key_and_a_wrong_key_are_401_on_every_route(house: House, key: str | None) -> None:
    before = await house.of_mira()

    for route, asked in CLOSED.items():
        refused = await house.ask(route, asked, key)

        assert refused.status_code == 401, route
        assert refused.headers["www-authenticate"] == 'Bearer realm="heartline"'
        assert refused.headers["x-request-id"]
        assert error_of(refused)["code"] == "invalid_api_key"
    assert await house.of_mira() == before


async def test_another_owners_session_is_not_there_on_any_route(house: House) -> None:
    for route, asked in HIDDEN.items():
        assert (await house.ask(route, asked, MIRA)).status_code == 200, route

        hidden = await house.ask(route, asked, BOB)

        assert hidden.status_code == 404, route
        assert error_of(hidden)["type"] == "invalid_request_error"
        assert SECRET not in hidden.text


async def test_the_same_name_is_another_session_for_another_owner(house: House) -> None:
    before = await house.of_mira()

    for route, asked in OWN.items():
        answered = await house.ask(route, asked, BOB)

        assert answered.status_code == 200, route
        assert SECRET not in answered.text
    assert SECRET in before[0]
    assert await house.of_mira() == before


async def test_a_transcript_does_not_find_another_owners_session(house: House) -> None:
    async with client(house.app, MIRA) as mira, client(house.app, BOB) as bob:
        said = (await mira.get("/sessions/pantry/messages")).json()["data"]
        transcript = [{"role": one["role"], "content": one["text"]} for one in said]
        body = {"messages": [*transcript, {"role": "user", "content": "And the honey?"}]}

        by_bob = await bob.post("/v1/chat/completions", json=body)
        by_mira = await mira.post("/v1/chat/completions", json=body)

    assert by_mira.headers["x-session-id"] == "pantry"
    assert by_bob.headers["x-session-id"] != "pantry"


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_what_is_open_tells_nothing_without_a_key(house: House, key: str | None) -> None:
    health = await house.ask("GET /health", Asked(), key)
    root = await house.ask("GET /", Asked(), key)

    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert root.status_code == 200


async def test_health_tells_all_to_whoever_has_a_key(house: House) -> None:
    health = await house.ask("GET /health", Asked(), BOB)

    assert health.json() == {"status": "ok", "log": {"position": 7}}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {MIRA}"},
        {"Authorization": f"bearer   {MIRA} "},
        {"X-API-Key": MIRA},
        {"Authorization": "Basic cHJveHk6cHc=", "X-API-Key": MIRA},
        {"Authorization": "Bearer ", "X-API-Key": MIRA},
    ],
)
async def test_a_key_comes_as_bearer_or_in_a_header_of_its_own(house: House, headers: dict[str, str]) -> None:
    async with client(house.app, None) as nobody:
        answered = await nobody.get("/sessions/pantry", headers=headers)

    assert answered.status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_page_of_an_allowed_origin_may_send_its_key(house: House, method: str) -> None:
    """A browser asks first, without the key, whether it may send it."""
    asked = {"Origin": "https://chat.example", "Access-Control-Request-Method": method}
    wanted = {**asked, "Access-Control-Request-Headers": "authorization,content-type,x-api-key"}
    app = create_app(house.app.state.services, ["https://chat.example"])
    async with client(app, None) as page:
        before = await page.options("/sessions/pantry", headers=wanted)
        foreign = await page.options("/sessions/pantry", headers={**wanted, "Origin": "https://evil.example"})
        refused = await page.get("/sessions/pantry", headers={"Origin": "https://chat.example"})

    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == "https://chat.example"
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://chat.example")
    assert "x-ratelimit-remaining-requests" in refused.headers["access-control-expose-headers"]


async def test_without_allowed_origins_no_page_may(house: House) -> None:
    async with client(house.app, MIRA) as page:
        answered = await page.get("/sessions/pantry", headers={"Origin": "https://chat.example"})

    assert "access-control-allow-origin" not in answered.headers


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer sk-anything"}])
async def test_without_keys_everybody_is_local(tmp_path: Path, headers: dict[str, str]) -> None:
    """SillyTavern sends `Bearer ` and nothing when it has no key."""
    async with system(tmp_path) as built:
        app = owned_app(built)
        app.state.services.owners.inline = ()
        async with client(app, None) as anybody:
            answered = await anybody.post("/sessions/tea/v1/chat/completions", json=SAID, headers=headers)

        assert answered.status_code == 200
        assert (await built.sessions.state("local", "tea", at=None))["version"]


@pytest.fixture
async def heartline(tmp_path: Path) -> AsyncGenerator[System]:
    async with system(tmp_path) as built:
        yield built
