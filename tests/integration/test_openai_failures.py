"""The OpenAI adapter when the upstream fails: what is told, what is tried again, and what never is."""

from collections.abc import AsyncIterator, Iterator

import pytest

from api.adapters.openai_upstream import OpenAiUpstream
from tests.asking import HASTY, failure
from tests.upstream import (
    Answer,
    FakeUpstream,
    chunk,
    cut,
    failing_inside,
    hanging,
    refusal,
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


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (failing_inside("Once", " upon", code=429), "upstream_error"),
        (failing_inside("Once", " upon", code=503), "upstream_error"),
    ],
)
async def test_what_breaks_in_the_middle_is_never_tried_again(
    model: OpenAiUpstream, upstream: FakeUpstream, answer: Answer, code: str
) -> None:
    upstream.will(answer)

    pieces, failed = await failure(model)

    assert (pieces, failed.status, failed.code) == (["Once", " upon"], 502, code)
    assert len(upstream.requests) == 1
