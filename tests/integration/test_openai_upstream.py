"""The OpenAI adapter against a fake server over real HTTP: what it sends, and what comes back."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from api.adapters.openai_requests import COMPATIBLE, OWN, Dialect, chat_request, dialect_of
from api.adapters.openai_upstream import OpenAiUpstream
from api.ports import Finish, ModelFailed
from api.wire.sampling import PASSED_ON
from domain.records import JsonObject, NeutralMessage
from tests.asking import HASTY, HELLO, ask
from tests.upstream import (
    Answer,
    FakeUpstream,
    blocked,
    chunk,
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


async def test_messages_and_parameters_arrive_as_openai_names_them(
    model: OpenAiUpstream, upstream: FakeUpstream
) -> None:
    messages: list[NeutralMessage] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hi", "name": "Robin the Bold"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function"}]},
        {"role": "tool", "content": "42", "tool_call_id": "c1", "name": "sum"},
    ]
    await ask(model, messages, temperature=0.5, stop=["\n"], max_tokens=9, logit_bias=None, verbosity="low")

    body = upstream.requests[0].body
    assert body == {
        "model": "fake-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi", "name": "Robin_the_Bold"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function"}]},
            {"role": "tool", "content": "42", "tool_call_id": "c1"},
        ],
        "temperature": 0.5,
        "stop": ["\n"],
        "max_tokens": 9,
        "verbosity": "low",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-secret"


async def test_usage_and_model_are_the_upstreams(model: OpenAiUpstream) -> None:
    pieces, finish = await ask(model)

    assert pieces == ["Hello", " there."]
    assert finish == Finish(
        "stop",
        {"input_tokens": 21, "output_tokens": 8, "cached_tokens": 4, "reasoning_tokens": 3, "estimated": False},
        "fake-1",
    )


@pytest.mark.parametrize(
    ("said", "known"),
    [("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "tool_calls"), ("eos", "stop")],
)
async def test_finish_reasons_are_ours(model: OpenAiUpstream, upstream: FakeUpstream, said: str, known: str) -> None:
    upstream.will(reply("Hm", reason=said, usage=None))

    _, finish = await ask(model)

    assert (finish.reason, finish.usage) == (known, None)


@pytest.mark.parametrize("choices", [[], None])
async def test_a_blocked_prompt_is_a_content_filter(
    model: OpenAiUpstream, upstream: FakeUpstream, choices: list[object] | None
) -> None:
    upstream.will(blocked(choices=choices))

    pieces, finish = await ask(model)

    assert (pieces, finish.reason) == ([], "content_filter")


async def test_an_image_is_sent_as_a_data_url(upstream: FakeUpstream) -> None:
    adapter = OpenAiUpstream(default="fake-1", base_url=upstream.base_url, read_image={"abc": b"PNG"}.__getitem__)
    await ask(adapter, [{"role": "user", "content": "Look", "images": [{"sha256": "abc", "media_type": "image/png"}]}])
    await adapter.close()

    assert upstream.requests[0].body["messages"][0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}},
    ]


async def test_an_image_alone_is_sent_without_words_and_as_closely_as_asked(upstream: FakeUpstream) -> None:
    adapter = OpenAiUpstream(default="fake-1", base_url=upstream.base_url, read_image={"abc": b"PNG"}.__getitem__)
    seen: NeutralMessage = {
        "role": "user",
        "content": "",
        "images": [{"sha256": "abc", "media_type": "image/png", "detail": "low"}],
    }
    await ask(adapter, [seen])
    await adapter.close()

    assert upstream.requests[0].body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H", "detail": "low"}},
    ]


async def test_an_image_that_cannot_be_read_is_a_clear_error(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    image: NeutralMessage = {
        "role": "user",
        "content": "Look",
        "images": [{"sha256": "abc", "media_type": "image/png"}],
    }

    with pytest.raises(ModelFailed, match="cannot be passed on") as raised:
        await ask(model, [image])

    assert (raised.value.code, raised.value.status) == ("unsupported_parameter", 400)
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("base_url", "sent"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("http://127.0.0.1:11434/v1", "max_tokens"),
        ("https://openrouter.ai/api/v1", "max_tokens"),
    ],
)
@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
def test_the_replys_limit_has_the_name_that_the_server_knows(base_url: str, sent: str, given: str) -> None:
    dialect = dialect_of(base_url)

    body = chat_request(HELLO, model="m", parameters={given: 9}, read_image=None, dialect=dialect)

    assert {name: value for name, value in body.items() if name.startswith("max")} == {sent: 9}


@pytest.mark.parametrize(("dialect", "goes_back"), [(COMPATIBLE, True), (OWN, False)])
def test_what_a_provider_added_to_a_call_goes_back_but_not_to_openai_itself(dialect: Dialect, goes_back: bool) -> None:
    call: JsonObject = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    marked: JsonObject = {**call, "extra_content": {"signature": "s"}}
    messages: list[NeutralMessage] = [{"role": "assistant", "content": "", "tool_calls": [marked]}]

    body: Any = chat_request(messages, model="m", parameters={}, read_image=None, dialect=dialect)

    assert body["messages"][0]["tool_calls"] == [marked if goes_back else call]


async def test_a_server_that_rejects_stream_options_is_asked_without_once_and_for_all(
    model: OpenAiUpstream, upstream: FakeUpstream
) -> None:
    upstream.will(refusal(400, message="extra field stream_options"), reply("Yes", usage=None))

    await ask(model)
    await ask(model)

    assert ["stream_options" in request.body for request in upstream.requests] == [True, False, False]


async def test_silence_after_the_finish_is_no_failure(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(Answer(frames=[chunk({"content": "Once"}), chunk(reason="stop")], end="hang"))

    pieces, finish = await ask(model)

    assert (pieces, finish.reason) == (["Once"], "stop")


@pytest.mark.parametrize("name", [name for name in PASSED_ON if name != "max_completion_tokens"])
async def test_every_parameter_that_we_take_of_a_client_arrives(
    model: OpenAiUpstream, upstream: FakeUpstream, name: str
) -> None:
    parameters: JsonObject = {name: "as sent"}
    await ask(model, HELLO, **parameters)

    assert upstream.requests[0].body[name] == "as sent"
