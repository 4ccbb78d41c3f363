"""Tools, images, formats and several choices through the official SDK, with a model behind the server."""

import json
from collections.abc import Generator
from typing import Any, cast

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.drawings import png, sha256, shown
from tests.e2e.talking import all_identical, ask, events, messages, user
from tests.server_process import ServerProcess, started
from tests.upstream import FakeUpstream, calling_all, choices, refusal, reply

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
CALL = ("call_1", "weather", '{"place": "Oslo"}')
OTHER = ("call_2", "weather", '{"place": "Rome"}')
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "verdict", "strict": True, "schema": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def upstream() -> Generator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Generator[ServerProcess]:
    settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_MODEL": "fake-1"}
    with started(tmp_path_factory.mktemp("tools"), **settings) as server:
        yield server


def create(client: openai.OpenAI, sent: list[Any], **more: Any) -> ChatCompletion:
    completions: Any = client.chat.completions
    return cast("ChatCompletion", completions.create(**{"model": "any", "messages": sent, **more}))


def streamed(client: openai.OpenAI, sent: list[Any], **more: Any) -> ChatCompletion:
    """The same by the SDK's own accumulation of a stream."""
    completions: Any = client.chat.completions
    with completions.stream(**{"model": "any", "messages": sent, **more}) as stream:
        return cast("ChatCompletion", stream.get_final_completion())


def results(*names: str) -> list[dict[str, str]]:
    return [{"role": "tool", "tool_call_id": name, "content": "Rain."} for name in names]


@pytest.mark.parametrize("way", [create, streamed], ids=["plain", "streamed"])
def test_tools_go_round(server: ServerProcess, upstream: FakeUpstream, way: Any) -> None:
    session = f"tools-{way.__name__}"
    asked: list[Any] = [*user("Rain in Oslo or Rome?")]
    with server.openai(session) as client:
        upstream.will(calling_all(CALL, OTHER))
        (called,) = way(client, asked, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=True).choices
        upstream.will(reply("It rains in both."))
        asked += [called.message.model_dump(exclude_none=True), *results("call_1", "call_2")]
        (told,) = way(client, asked, tools=[WEATHER]).choices

    assert (called.finish_reason, called.message.content or "") == ("tool_calls", "")
    calls = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in called.message.tool_calls]
    assert calls == [(name, tool, json.loads(arguments)) for name, tool, arguments in (CALL, OTHER)]
    assert (told.finish_reason, told.message.content) == ("stop", "It rains in both.")
    first, second = upstream.requests[-2:]
    assert (first.body["tools"], first.body["tool_choice"]) == ([WEATHER], "auto")
    sent = [message for message in second.body["messages"] if message["role"] != "system"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert [call["function"]["arguments"] for call in sent[1]["tool_calls"]] == [CALL[2], OTHER[2]]
    assert sent[1]["content"] is None
    assert messages(server, session) == [
        ("user", "Rain in Oslo or Rome?"),
        ("assistant", ""),
        ("tool", "Rain."),
        ("tool", "Rain."),
        ("assistant", "It rains in both."),
    ]
    assert all_identical(server, session)


def test_a_streamed_call_comes_as_openai_sends_it(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(calling_all(CALL))

    with server.openai("pieces") as client:
        chunks: list[ChatCompletionChunk] = list(
            client.chat.completions.create(model="any", messages=user("Rain?"), tools=cast(Any, [WEATHER]), stream=True)
        )

    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert (deltas[0].role, deltas[0].content) == ("assistant", None)
    pieces = [call for delta in deltas for call in delta.tool_calls or []]
    assert [(piece.index, piece.id, piece.type) for piece in pieces] == [
        (0, "call_1", "function"),
        (0, None, None),
        (0, None, None),
    ]
    assert "".join((piece.function.arguments or "") if piece.function else "" for piece in pieces) == CALL[2]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_a_call_that_nobody_answers_does_not_stand_in_the_way(server: ServerProcess, upstream: FakeUpstream) -> None:
    with server.openai("dropped") as client:
        upstream.will(calling_all(CALL))
        create(client, [*user("Rain in Oslo?")], tools=[WEATHER])
        upstream.will(reply("As you like."))
        ask(client, "Never mind.")

    sent = [message for message in upstream.requests[-1].body["messages"] if message["role"] != "system"]
    assert [(message["role"], message["content"]) for message in sent] == [
        ("user", "Rain in Oslo?"),
        ("user", "Never mind."),
    ]
    assert messages(server, "dropped")[1] == ("assistant", "")


def test_an_image_is_kept_once_and_shown_again(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(reply("A grey point."))
    seen: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, shown(png(7), detail="low")]}
    ]

    with server.openai("seen") as client:
        create(client, seen)
        create(client, [*seen, {"role": "assistant", "content": "A grey point."}, *user("Which grey?")])

    for request in upstream.requests[-2:]:
        sent = next(message for message in request.body["messages"] if message["role"] == "user")
        assert sent["content"] == seen[0]["content"]
    kept = {"sha256": sha256(png(7)), "media_type": "image/png", "detail": "low"}
    (received,) = [event for event in events(server, "seen") if event["data"].get("images")]
    assert received["data"]["images"] == [kept]
    assert server.get("/sessions/seen/messages")["data"][0]["images"] == [kept]
    assert all_identical(server, "seen")


def test_several_choices_come_by_one_request(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(choices("One way.", "Another.", "A third."))

    with server.openai("several") as client:
        whole = create(client, [*user("Which way?")], n=3)

    assert [(choice.index, choice.message.content) for choice in whole.choices] == [
        (0, "One way."),
        (1, "Another."),
        (2, "A third."),
    ]
    assert upstream.requests[-1].body["n"] == 3
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 8
    assert messages(server, "several") == [("user", "Which way?"), ("assistant", "One way.")]
    completed = [event["data"] for event in events(server, "several") if event["type"] == "session.reply-completed"]
    assert [(one["choice"], one["text"]) for one in completed] == [(0, "One way."), (1, "Another."), (2, "A third.")]
    assert server.get("/sessions/several")["usage"]["output_tokens"] == 8


def test_the_choice_that_the_user_keeps_goes_on(server: ServerProcess, upstream: FakeUpstream) -> None:
    """As SillyTavern swipes: it shows the choice that was taken as the last reply."""
    upstream.will(choices("Along the river.", "Over the hill.", "Through the wood."), reply("It is steep."))

    with server.openai("swiped") as client:
        create(client, [*user("Which way home?")], n=3)
        ask(client, [*user("Which way home?"), {"role": "assistant", "content": "Over the hill."}, *user("And then?")])

    assert messages(server, "swiped") == [
        ("user", "Which way home?"),
        ("assistant", "Over the hill."),
        ("user", "And then?"),
        ("assistant", "It is steep."),
    ]
    texts = [event["data"].get("text") for event in events(server, "swiped")]
    assert texts.count("Over the hill.") == 1
    assert all_identical(server, "swiped")


def test_an_upstream_that_gives_one_choice_is_asked_again(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(reply("One way."), reply("Another."), reply("A third."))
    before = len(upstream.requests)

    with server.openai("again") as client:
        got = streamed(client, [*user("Which way?")], n=3, model="one-at-a-time")

    assert [choice.message.content for choice in got.choices] == ["One way.", "Another.", "A third."]
    assert [choice.finish_reason for choice in got.choices] == ["stop"] * 3
    assert ["n" in request.body for request in upstream.requests[before:]] == [True, False, False]


@pytest.mark.parametrize("form", [{"type": "json_object"}, SCHEMA], ids=["object", "schema"])
def test_formats_are_passed_on(server: ServerProcess, upstream: FakeUpstream, form: dict[str, Any]) -> None:
    upstream.will(reply('{"rain": true}'))

    with server.openai(f"form-{form['type']}") as client:
        whole = create(client, [*user("Rain, as JSON?")], response_format=form)

    assert json.loads(whole.choices[0].message.content or "") == {"rain": True}
    assert upstream.requests[-1].body["response_format"] == form


def test_what_the_upstream_refuses_is_told_by_its_parameter(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(refusal(400, message="This model takes no images.", param="messages"))

    with server.openai("blind") as client, pytest.raises(openai.BadRequestError) as refused:
        create(client, [{"role": "user", "content": [shown(png())]}])

    assert (refused.value.param, refused.value.code) == ("messages", "rejected")


def test_legacy_completions_have_several_choices_too(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(choices("Once.", "Twice."))

    with server.openai("legacy") as client:
        whole = client.completions.create(model="any", prompt="How often?", n=2)

    assert [(choice.index, choice.text) for choice in whole.choices] == [(0, "Once."), (1, "Twice.")]
