"""What the wire reads of a request, and what it refuses by name."""

from typing import Any

import orjson
import pytest

from api.filters import Filters
from api.wire.address import Names
from api.wire.body import json_response, parse_json
from api.wire.chat_request import parse_chat
from api.wire.completion_request import CompletionRequest
from domain.errors import InvalidRequest
from domain.messages import Instruction, Message
from tests.drawings import data_url, png, sha256, shown

NOW = "2026-11-22T10:00:00+00:00"
USER: dict[str, Any] = {"role": "user", "content": "hi"}
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "f", "description": "Does it.", "parameters": {"type": "object", "properties": {}}},
}
CALLING: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}


def chat(**fields: Any) -> CompletionRequest:
    return parse_chat(orjson.dumps({"messages": [USER], **fields}), NOW)


def read_message(message: dict[str, Any]) -> Message | Instruction:
    # With another message beside it, for one that is empty by right.
    return chat(messages=[message, USER]).messages[0]


def refused(**fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)
    return caught.value


def test_a_user_message_is_dialogue_said_now() -> None:
    assert read_message({**USER, "name": "Ada"}) == Message(role="user", text="hi", said_at=NOW, name="Ada")


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_and_developer_messages_are_instructions(role: str) -> None:
    message = read_message({"role": role, "content": "Be kind."})

    assert isinstance(message, Instruction)
    assert (message.role, message.text, message.name) == (role, "Be kind.", None)


def test_parts_of_text_are_joined_by_newlines() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]

    assert read_message({"role": "user", "content": parts}).text == "one\ntwo"


def test_tool_calls_and_their_results_are_kept() -> None:
    called = read_message(CALLING)
    answered = read_message({"role": "tool", "content": "42", "tool_call_id": "c1"})

    assert isinstance(called, Message)
    assert (called.text, called.tool_calls) == ("", [CALL])
    assert isinstance(answered, Message)
    assert (answered.role, answered.tool_call_id) == ("tool", "c1")


def test_an_empty_message_among_others_passes() -> None:
    assert read_message({"role": "assistant", "content": ""}).text == ""


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "wizard", "content": "hi"}, "messages.0.role"),
        ({"role": "function", "name": "f", "content": "1"}, "messages.0.role"),
        ({"role": "User", "content": "hi"}, "messages.0.role"),
        ({"content": "hi"}, "messages.0.role"),
        ({"role": None, "content": "hi"}, "messages.0.role"),
        ({"role": 3, "content": "hi"}, "messages.0.role"),
        ({"role": "user"}, "messages.0.content"),
        ({"role": "user", "content": None}, "messages.0.content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, "messages.0.content"),
        ({"role": "user", "content": 5}, "messages.0.content"),
        ({"role": "user", "content": {"type": "text"}}, "messages.0.content"),
        ({"role": "user", "content": []}, "messages.0.content"),
        ({"role": "user", "content": ["hi"]}, "messages.0.content.0"),
        ({"role": "user", "content": [{"text": "hi"}]}, "messages.0.content.0.type"),
        ({"role": "user", "content": [{"type": "smell"}]}, "messages.0.content.0.type"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages.0.content.0.text"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, "messages.0.content.0.text"),
        ({"role": "user", "content": "hi", "name": 1}, "messages.0.name"),
        ({"role": "tool", "content": "42"}, "messages.0.tool_call_id"),
        ({"role": "tool", "content": "42", "tool_call_id": 1}, "messages.0.tool_call_id"),
        ({"role": "assistant", "tool_calls": "f"}, "messages.0.tool_calls"),
        ({"role": "assistant", "tool_calls": ["f"]}, "messages.0.tool_calls.0"),
        ({"role": "assistant", "tool_calls": [{"id": "c1"}]}, "messages.0.tool_calls.0.function"),
        ({"role": "user", "content": "hi", "tool_calls": [CALL]}, "messages.0.tool_calls"),
        ("hi", "messages.0"),
        (None, "messages.0"),
    ],
)
def test_a_wrong_message_is_refused_by_its_path(message: object, param: str) -> None:
    assert refused(messages=[message]).param == param


@pytest.mark.parametrize("kind", ["input_audio", "file"])
def test_other_media_than_texts_and_images_are_refused_in_clear_words(kind: str) -> None:
    error = refused(messages=[{"role": "user", "content": [{"type": "text", "text": "see"}, {"type": kind, kind: {}}]}])

    assert "texts and images only" in error.message
    assert error.param == "messages.0.content.1"


def test_images_stand_in_their_message_by_name_and_their_bytes_beside() -> None:
    parts = [shown(png(1)), {"type": "text", "text": "Which?"}, shown(png(2), detail="low"), shown(png(1))]

    asked = chat(messages=[{"role": "user", "content": parts}])

    (message,) = asked.messages
    assert isinstance(message, Message)
    first = {"sha256": sha256(png(1)), "media_type": "image/png"}
    assert message.text == "Which?"
    assert message.images == [first, {"sha256": sha256(png(2)), "media_type": "image/png", "detail": "low"}, first]
    assert [picture.content for picture in asked.pictures] == [png(1), png(2)]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": data_url(png())},
        {"type": "input_image", "image_url": data_url(png()), "detail": "auto"},
    ],
)
def test_an_image_alone_is_a_message(part: dict[str, Any]) -> None:
    asked = chat(messages=[{"role": "user", "content": [part]}])

    assert asked.messages[0].text == ""
    assert [picture.content for picture in asked.pictures] == [png()]


@pytest.mark.parametrize(
    ("role", "part", "param"),
    [
        ("user", {"type": "image_url"}, "messages.0.content.0.image_url.url"),
        ("user", {"type": "image_url", "image_url": {"url": 1}}, "messages.0.content.0.image_url.url"),
        ("user", shown(png(), detail="all"), "messages.0.content.0.image_url.detail"),
        ("user", {"type": "image_url", "image_url": {"url": "http://a.b/c"}}, "messages.0.content.0.image_url.url"),
        ("system", shown(png()), "messages.0.content"),
        ("tool", shown(png()), "messages.0.content"),
    ],
)
def test_a_wrong_image_is_refused_by_its_path(role: str, part: dict[str, Any], param: str) -> None:
    assert refused(messages=[{"role": role, "content": [part], "tool_call_id": "c1"}]).param == param


@pytest.mark.parametrize("messages", [[], None, "hi", {}, [{"role": "user", "content": " "}]])
def test_messages_must_be_there_and_say_something(messages: object) -> None:
    assert refused(messages=messages).param == "messages"


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"Missing required parameter: 'messages'\."):
        parse_chat(b"{}", NOW)


WRONG_TYPES: list[tuple[str, list[object]]] = [
    ("model", [1, True, [], {}]),
    ("stream", ["true", 1, 0, [], {}]),
    ("stream_options", [True, "x", []]),
    ("n", ["1", True, 1.5, [], 0, -1, 17, 500, 10**30]),
    ("temperature", ["1", True, [], -0.1, 2.1]),
    ("top_p", ["1", True, {}, -0.1, 1.1]),
    ("max_tokens", ["1", True, 1.5, [], 0, -1, 10**19]),
    ("max_completion_tokens", ["1", True, 1.5, {}, 0, -5]),
    ("stop", [1, True, {}, ["a", "b", "c", "d", "e"]]),
    ("seed", ["1", True, 1.5, [], 2**63]),
    ("presence_penalty", ["1", True, 3, -2.5]),
    ("frequency_penalty", ["1", True, 3, -2.5]),
    ("logit_bias", ["1", True, []]),
    ("response_format", ["json", True, []]),
    ("reasoning_effort", [1, True, []]),
    ("verbosity", [1, True, []]),
    ("metadata", ["x", 1, True, []]),
    ("session_id", [1, True, [], {}]),
    ("user", [1, True, [], {}]),
    ("tools", ["x", 1, {}, [TOOL] * 129]),
    ("tool_choice", ["x", 1, [], {}, "required", {"type": "function", "function": {"name": "f"}}]),
    ("functions", ["x", 1, {}, [{"name": "f"}]]),
    ("modalities", ["text", 1, ["text", "audio"]]),
    ("logprobs", ["x", 1, []]),
    ("top_logprobs", ["x", True, 21, -1]),
    ("parallel_tool_calls", ["x", 1]),
    ("store", ["x", 1]),
    ("service_tier", [1, True]),
    ("safety_identifier", [1, []]),
    ("prompt_cache_key", [1, []]),
]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG_TYPES for value in values], ids=repr
)
def test_a_wrong_value_in_any_field_is_refused_by_name(name: str, value: object) -> None:
    if value == 10**30:
        value = float(10**30)

    assert refused(**{name: value}).param == name


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"stop": ["a", 1]}, "stop.1"),
        ({"logit_bias": {"7": "x"}}, "logit_bias.7"),
        ({"logit_bias": {"7": 101}}, "logit_bias.7"),
        ({"response_format": {}}, "response_format.type"),
        ({"metadata": {"session_id": 5}}, "metadata.session_id"),
        ({"metadata": {"recall_filters": {"colour": "red"}}}, "metadata.recall_filters"),
        ({"metadata": {"recall_filters": '{"role": 3}'}}, "metadata.recall_filters.role"),
        ({"metadata": {"recall_filters": "assistant"}}, "metadata.recall_filters"),
        ({"metadata": {"recall_filters": "[]"}}, "metadata.recall_filters"),
        ({"metadata": {"recall_filters": {"after": "soon"}}}, "metadata.recall_filters.after"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools.0.type"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools.0.function.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
    ],
)
def test_a_wrong_value_inside_a_field_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    assert refused(**fields).param == param


@pytest.mark.parametrize("name", [name for name, _ in WRONG_TYPES])
def test_any_field_may_be_null(name: str) -> None:
    asked = chat(**{name: None})

    assert (asked.parameters, asked.stream, asked.model) == ({}, False, None)


def test_what_the_model_is_told_is_passed_on_as_it_was_named() -> None:
    told: dict[str, Any] = {
        "temperature": 1,
        "top_p": 0.5,
        "max_tokens": 10,
        "max_completion_tokens": 20,
        "stop": "END",
        "seed": 7,
        "presence_penalty": -1.5,
        "frequency_penalty": 1,
        "logit_bias": {"7": -100},
        "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
        "reasoning_effort": "low",
        "verbosity": "high",
    }

    asked = chat(**told, unknown={"is": "ignored"}, logprobs=True, model="m", n=1, tools=[])

    assert asked.parameters == told
    assert asked.model == "m"


@pytest.mark.parametrize("choice", ["none", "auto", "required", {"type": "function", "function": {"name": "f"}}])
def test_tools_and_what_is_said_of_them_are_passed_on(choice: object) -> None:
    told: dict[str, Any] = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False}

    assert chat(**told).parameters == told


def test_without_tools_nothing_is_said_of_them() -> None:
    assert chat(tools=[], tool_choice="auto", parallel_tool_calls=True).parameters == {}


@pytest.mark.parametrize(("n", "told"), [(1, {}), (16, {"n": 16})])
def test_several_choices_may_be_asked_for(n: int, told: dict[str, Any]) -> None:
    assert chat(n=n).parameters == told


def test_usage_in_a_stream_must_be_asked_for() -> None:
    assert chat(stream=True, stream_options={"include_usage": True}).include_usage
    assert not chat(stream=True).include_usage


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"messages": NaN}',
        b"{'messages': 1}",
        b'{"messages":[{"role":"user","content":"\xff"}]}',
        b'{"messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
        b"[" * 5000,
    ],
)
def test_what_is_no_json_object_in_utf8_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_chat(raw, NOW)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": [{"role": "user", "content": "a\0b"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "\0"}]}]}, "messages.0.content.0.text"),
        ({"messages": [USER], "user": "\0"}, "user"),
        ({"messages": [USER], "logit_bias": {"\0": 1}}, "logit_bias"),
    ],
)
def test_nul_is_refused_wherever_it_stands(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match="NUL") as caught:
        parse_chat(orjson.dumps(body), NOW)

    assert caught.value.param == param


def test_the_letters_of_an_escaped_nul_are_no_nul() -> None:
    assert chat(messages=[{"role": "user", "content": "\\u0000"}]).messages[0].text == "\\u0000"


def test_the_bodys_places_are_read() -> None:
    asked = chat(metadata={"session_id": "m", "other": 1}, session_id="s", user="u")

    assert asked.names == Names(metadata="m", session_id="s", user="u")


@pytest.mark.parametrize("filters", [{"speaker": "Maya"}, '{"speaker": ["maya"]}'])
def test_filters_on_what_is_recalled_stand_in_the_metadata(filters: object) -> None:
    asked = chat(metadata={"recall_filters": filters})

    assert asked.filters == Filters(words={"speaker": frozenset({"maya"})})
    assert not chat().filters.any


@pytest.mark.parametrize("nested", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("levels", [100, 1000])
def test_json_that_is_nested_too_deep_is_refused(nested: tuple[str, str], levels: int) -> None:
    opening, closing = nested
    raw = f'{{"messages": [], "x": {opening * levels}"\\u0000"{closing * levels}}}'

    with pytest.raises(InvalidRequest, match="100 levels"):
        parse_chat(raw.encode(), NOW)


def test_json_that_is_as_deep_as_it_may_be_is_read_and_can_be_written() -> None:
    raw = b"[" * 100 + b"]" * 100

    assert json_response(parse_json(raw)).body == raw
