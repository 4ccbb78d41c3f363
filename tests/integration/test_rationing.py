"""Limits of each owner over HTTP: 429 as OpenAI says it, with the headers that tell where one stands."""

import asyncio
from pathlib import Path

import openai
import pytest

from api.adapters.rate_limits import RateLimits
from api.wire.rationing import span
from tests.owners import BOB, MIRA, client, owned_app
from tests.serving_system import served_system
from tests.system import Outside, system

SAID = {"model": "fake-1", "messages": [{"role": "user", "content": "one two three"}]}


def limited(requests: int | None = None, tokens: int | None = None) -> RateLimits:
    return RateLimits(requests_a_minute=requests, tokens_a_day=tokens)


async def test_an_owner_who_floods_is_told_to_wait_while_another_talks_on(tmp_path: Path) -> None:
    async with system(tmp_path) as built:
        app = owned_app(built, limited(requests=3))
        async with client(app, MIRA) as mira, client(app, BOB) as bob:
            flood = await asyncio.gather(*(mira.get("/sessions") for _ in range(20)))
            talk = [await bob.post("/sessions/tea/v1/chat/completions", json=SAID) for _ in range(2)]

    assert sorted({one.status_code for one in flood}) == [200, 429]
    assert [one.status_code for one in flood].count(200) == 3
    assert [one.status_code for one in talk] == [200, 200]
    assert [one.headers["x-ratelimit-remaining-requests"] for one in talk] == ["2", "1"]


async def test_a_refusal_says_what_is_spent_and_for_how_long(tmp_path: Path) -> None:
    async with system(tmp_path) as built:
        app = owned_app(built, limited(requests=1))
        async with client(app, MIRA) as mira:
            await mira.get("/sessions")
            refused = await mira.get("/v1/models")

    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("requests", "rate_limit_exceeded", None)
    assert error["message"].startswith("Rate limit reached: 1 requests a minute. Try again in ")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "x-should-retry" not in refused.headers
    assert refused.headers["x-ratelimit-limit-requests"] == "1"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-request-id"]


async def test_a_reply_uses_up_tokens_of_the_day(tmp_path: Path) -> None:
    allowance = limited(tokens=5)
    async with system(tmp_path, outside=Outside(allowance=allowance)) as built:
        app = owned_app(built, allowance)
        async with client(app, MIRA) as mira, client(app, BOB) as bob:
            first = await mira.post("/v1/chat/completions", json={**SAID, "stream": True})
            spent = await mira.get("/sessions")
            other = await bob.get("/sessions")

    assert first.status_code == 200
    assert first.headers["x-ratelimit-remaining-tokens"] == "5"
    assert spent.status_code == 429
    assert spent.json()["error"]["type"] == "tokens"
    assert int(spent.headers["retry-after"]) > 3600
    assert spent.headers["x-should-retry"] == "false", "no client should sleep until tomorrow"
    assert (other.status_code, other.headers["x-ratelimit-remaining-tokens"]) == (200, "5")


async def test_a_reply_that_nobody_waits_for_uses_up_tokens_too(tmp_path: Path) -> None:
    allowance = limited(tokens=5)
    async with system(tmp_path, outside=Outside(allowance=allowance)) as built:
        answer = await built.ask("tea", built.said("one two three"), owner="mira")
        async for _ in answer.stream():
            break
        await answer.cancel()

        assert (await allowance.admit("mira")).spent == "tokens"


async def test_what_is_open_costs_nothing(tmp_path: Path) -> None:
    async with system(tmp_path) as built:
        app = owned_app(built, limited(requests=1))
        async with client(app, MIRA) as mira:
            answered = [await mira.get(path) for path in ("/health", "/", "/openapi.json", "/health", "/v1/models")]

    assert [one.status_code for one in answered] == [200] * 5
    assert "x-ratelimit-limit-requests" not in answered[0].headers


def test_openais_client_reads_the_refusal(tmp_path: Path) -> None:
    with (
        served_system(tmp_path, lambda built: owned_app(built, limited(requests=1))) as served,
        openai.OpenAI(base_url=f"{served.url}/v1", api_key=MIRA, max_retries=0) as sdk,
    ):
        sdk.models.list()
        with pytest.raises(openai.RateLimitError) as refused:
            sdk.models.list()

    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.type == "requests"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.0, "0ms"), (0.0121, "13ms"), (1, "1s"), (59.2, "1m0s"), (360, "6m0s"), (86_343, "23h59m3s")],
)
def test_spans_are_written_as_openai_writes_them(seconds: float, written: str) -> None:
    assert span(seconds) == written
