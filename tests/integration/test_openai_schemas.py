"""What the server answers on OpenAI's routes, held against the schemas that OpenAI publishes, over real HTTP."""

import json
from collections.abc import Generator
from typing import Any

import httpx2
import pytest

from api.access.allowance import Quota, Standing, Unlimited
from api.app import create_app
from api.ports import Delta, Finish, ModelFailed, ReplyDelta, ToolCallDelta
from domain.errors import Conflict, ContextTooLong, HeartlineError, TurnAlreadyOpen, Unavailable
from domain.records import FinishReason
from tests.fakes_http import USAGE, FakeAnswer, FakeTurns, fake_services
from tests.openai_schemas import fits, names
from tests.owners import holders
from tests.serving import serving

SAID: dict[str, Any] = {"model": "fake-1", "messages": [{"role": "user", "content": "hi"}]}
PROMPT: dict[str, Any] = {"model": "fake-1", "prompt": "hi"}
REASONS: list[FinishReason] = ["stop", "length", "content_filter", "cancelled"]


@pytest.fixture(scope="module")
def turns() -> FakeTurns:
    return FakeTurns()


@pytest.fixture(scope="module")
def http(turns: FakeTurns) -> Generator[httpx2.Client]:
    with serving(create_app(fake_services(turns))) as served, httpx2.Client(base_url=served.url) as client:
        yield client


@pytest.fixture(autouse=True)
def as_usual(turns: FakeTurns) -> None:
    turns.reply, turns.error = FakeAnswer(), None


def chunks(response: httpx2.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def ending(reason: FinishReason) -> FakeAnswer:
    return FakeAnswer(finish=Finish(reason=reason, usage=USAGE, model="fake-1"))


@pytest.mark.parametrize("reason", REASONS)
def test_a_whole_reply(http: httpx2.Client, turns: FakeTurns, reason: FinishReason) -> None:
    turns.reply = ending(reason)

    reply = http.post("/v1/chat/completions", json=SAID).json()

    fits(reply, "CreateChatCompletionResponse")
    assert reply["choices"][0]["message"]["refusal"] is None
    assert reply["choices"][0]["logprobs"] is None


CALLS: list[ReplyDelta] = [
    ToolCallDelta(id="c1", name="f"),
    ToolCallDelta(arguments="{}"),
    ToolCallDelta(index=1, id="c2", name="g", arguments="{}"),
]
CHOICES: list[ReplyDelta] = [Delta("A"), Delta("No.", 1, refusal=True)]


@pytest.mark.parametrize(
    ("pieces", "finish"),
    [
        (CALLS, Finish("tool_calls", USAGE, "fake-1")),
        (CHOICES, Finish("stop", USAGE, "fake-1", ("stop", "content_filter"))),
    ],
    ids=["calls", "choices"],
)
def test_calls_and_several_choices(
    http: httpx2.Client, turns: FakeTurns, pieces: list[ReplyDelta], finish: Finish
) -> None:
    turns.reply = FakeAnswer(pieces=pieces, finish=finish)

    whole = http.post("/v1/chat/completions", json=SAID).json()
    sent = chunks(http.post("/v1/chat/completions", json={**SAID, "stream": True}))

    fits(whole, "CreateChatCompletionResponse")
    for chunk in sent:
        fits(chunk, "CreateChatCompletionStreamResponse")
    assert len(whole["choices"]) == len(finish.reasons)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("include_usage", [True, False])
def test_every_chunk_of_a_stream(
    http: httpx2.Client, turns: FakeTurns, reason: FinishReason, include_usage: bool
) -> None:
    turns.reply = ending(reason)
    options = {"stream_options": {"include_usage": True}} if include_usage else {}

    sent = chunks(http.post("/v1/chat/completions", json={**SAID, "stream": True, **options}))

    for chunk in sent:
        fits(chunk, "CreateChatCompletionStreamResponse")
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in sent}) == 1
    assert sent[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [choice["finish_reason"] for chunk in sent for choice in chunk["choices"]][:-1] == [None] * 3
    if include_usage:
        assert [chunk["usage"] for chunk in sent[:-1]] == [None] * 4
        assert sent[-1]["choices"] == []
        fits(sent[-1]["usage"], "CompletionUsage")
    else:
        assert not any("usage" in chunk for chunk in sent)


def test_a_stream_that_breaks_ends_with_an_error_object(http: httpx2.Client, turns: FakeTurns) -> None:
    turns.reply = FakeAnswer(error=ModelFailed("The model broke off.", code="upstream_cut", status=502))

    *sent, last = chunks(http.post("/v1/chat/completions", json={**SAID, "stream": True}))

    for chunk in sent:
        fits(chunk, "CreateChatCompletionStreamResponse")
    fits(last, "ErrorResponse")


@pytest.mark.parametrize("reason", REASONS)
def test_the_legacy_endpoint(http: httpx2.Client, turns: FakeTurns, reason: FinishReason) -> None:
    turns.reply = ending(reason)

    fits(http.post("/v1/completions", json=PROMPT).json(), "CreateCompletionResponse")


def test_models(http: httpx2.Client) -> None:
    listed = http.get("/v1/models").json()

    fits(listed, "ListModelsResponse")
    for model in listed["data"]:
        fits(http.get(f"/v1/models/{model['id']}").json(), "Model")


def test_embeddings_as_numbers(http: httpx2.Client) -> None:
    embedded = http.post("/v1/embeddings", json={"model": "letters@1", "input": ["a", "b"], "encoding_format": "float"})

    fits(embedded.json(), "CreateEmbeddingResponse")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ContextTooLong("Too long.", param="messages"), 400),
        (TurnAlreadyOpen("One at a time."), 409),
        (Conflict("Not now."), 409),
        (Unavailable("The disk is full."), 503),
        (ModelFailed("Slow down.", code="rate_limit_exceeded", status=429, retry_after=2.0), 429),
        (ModelFailed("It broke.", code="upstream_error", status=502), 502),
        (HeartlineError("Unheard of."), 500),
    ],
)
def test_errors_of_a_turn(http: httpx2.Client, turns: FakeTurns, error: HeartlineError, status: int) -> None:
    turns.error = error

    refused = http.post("/v1/chat/completions", json=SAID)

    assert refused.status_code == status
    fits(refused.json(), "ErrorResponse")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/chat/completions", 400),
        ("GET", "/v1/models/nobody", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/chat/completions", 405),
    ],
)
def test_errors_of_the_server(http: httpx2.Client, method: str, path: str, status: int) -> None:
    refused = http.request(method, path)

    assert refused.status_code == status
    fits(refused.json(), "ErrorResponse")


class Spent(Unlimited):
    """Nothing is left of the requests."""

    async def admit(self, owner: str) -> Standing:
        return Standing(requests=Quota(limit=2, remaining=0, reset=1.5), spent="requests")


@pytest.mark.parametrize(("key", "status"), [("wrong", 401), ("key-of-mira", 429)])
def test_errors_at_the_border(key: str, status: int) -> None:
    app = create_app(fake_services(owners=holders(), allowance=Spent()))

    with serving(app) as served, httpx2.Client(base_url=served.url) as client:
        refused = client.get("/v1/models", headers={"Authorization": f"Bearer {key}"})

    assert refused.status_code == status
    fits(refused.json(), "ErrorResponse")


def test_a_field_that_is_missing_or_unknown_is_found() -> None:
    """The check itself: what is wrong does not pass."""
    model = {"id": "m", "object": "model", "created": 1, "owned_by": "me"}
    fits(model, "Model")

    for wrong in ({**model, "colour": "red"}, {**model, "created": None}, {"id": "m"}):
        with pytest.raises(AssertionError, match="Model"):
            fits(wrong, "Model")
    assert "ChatCompletionResponseMessage" in names()
