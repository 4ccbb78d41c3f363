"""The OpenAI adapter when the upstream fails: what is told, what is tried again, and what never is."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from api.adapters.openai_upstream import OpenAiUpstream
from tests.asking import HASTY, ask, failure
from tests.upstream import (
    Answer,
    FakeUpstream,
    chunk,
    cut,
    failing_inside,
    hanging,
    refusal,
    reply,
)


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture
async def model(upstream: FakeUpstream) -> AsyncIterator[OpenAiUpstream]:
    adapter = OpenAiUpstream(default="fake-1", base_url=upstream.base_url, api_key="sk-secret", patience=HASTY)
    yield adapter
    await adapter.close()


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (refusal(401), 502, "upstream_auth"),
        (refusal(403), 502, "upstream_auth"),
        (refusal(404, code="model_not_found"), 404, "model_not_found"),
        (refusal(400, code="context_length_exceeded"), 400, "context_length_exceeded"),
        (refusal(400), 400, "rejected"),
        (refusal(429, code="insufficient_quota"), 429, "insufficient_quota"),
        (Answer(kind="page", frames=["<html>"]), 502, "upstream_error"),
        (Answer(frames=["{not json"]), 502, "upstream_error"),
        (Answer(frames=[chunk({"content": ""})], end="silent"), 502, "upstream_cut"),
    ],
)
async def test_a_hopeless_failure_is_told_at_once(
    model: OpenAiUpstream, upstream: FakeUpstream, answer: Answer, status: int, code: str
) -> None:
    upstream.will(answer)

    pieces, failed = await failure(model)

    assert (pieces, failed.status, failed.code) == ([], status, code)
    assert len(upstream.requests) == 1


async def test_our_key_is_never_in_an_error(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(refusal(401, message="Incorrect API key provided: sk-secret"))

    _, failed = await failure(model)

    assert "sk-secret" not in failed.message


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (refusal(429), 429, "rate_limit_exceeded"),
        (refusal(500), 503, "upstream_unavailable"),
        (refusal(503), 503, "upstream_unavailable"),
        (hanging(), 503, "upstream_unavailable"),
        (cut(), 503, "upstream_unavailable"),
        (failing_inside(code=429), 429, "rate_limit_exceeded"),
        (failing_inside(code=503), 503, "upstream_unavailable"),
    ],
)
async def test_a_passing_failure_is_tried_three_times_and_then_told(
    model: OpenAiUpstream, upstream: FakeUpstream, answer: Answer, status: int, code: str
) -> None:
    upstream.will(answer)

    pieces, failed = await failure(model)

    assert (pieces, failed.status, failed.code) == ([], status, code)
    assert len(upstream.requests) == 3


async def test_an_upstream_that_is_not_there_is_unavailable() -> None:
    with FakeUpstream() as gone:
        url = gone.base_url
    adapter = OpenAiUpstream(default="fake-1", base_url=url, patience=HASTY)
    _, failed = await failure(adapter)
    await adapter.close()

    assert (failed.status, failed.code) == (503, "upstream_unavailable")


async def test_two_failures_and_then_an_answer_is_an_answer(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(refusal(503), refusal(503), reply("At last"))

    pieces, _ = await ask(model)

    assert pieces == ["At last"]


async def test_the_wait_is_as_long_as_the_upstream_asks(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(refusal(429, headers={"Retry-After": "0.3"}), reply("Now"))
    loop = asyncio.get_running_loop()

    started = loop.time()
    await ask(model)

    assert loop.time() - started >= 0.3


async def test_a_wait_too_long_is_left_to_the_caller(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(refusal(429, headers={"Retry-After": "600"}))

    _, failed = await failure(model)

    assert (failed.retry_after, len(upstream.requests)) == (600, 1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (cut("Once", " upon"), "upstream_cut"),
        (hanging("Once", " upon"), "upstream_cut"),
        (failing_inside("Once", " upon"), "upstream_error"),
        (Answer(frames=[chunk({"content": "Once"}), chunk({"content": " upon"})], end="silent"), "upstream_cut"),
    ],
)
async def test_what_breaks_in_the_middle_is_never_tried_again(
    model: OpenAiUpstream, upstream: FakeUpstream, answer: Answer, code: str
) -> None:
    upstream.will(answer)

    pieces, failed = await failure(model)

    assert (pieces, failed.status, failed.code) == (["Once", " upon"], 502, code)
    assert len(upstream.requests) == 1
