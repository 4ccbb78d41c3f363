"""What the wire reads of the bodies that are no chat: legacy prompts, texts to embed, questions to recall, imports."""

from collections.abc import Sequence
from threading import get_ident
from typing import Any, cast

import orjson
import pytest
from starlette.requests import Request

from api.archive.lines import JsonLines
from api.routes.access import SMALL, parsed
from api.wire.body import parse_object, validated
from api.wire.branch_requests import parse_carry, parse_fork, parse_rewind
from api.wire.completion_request import parse_legacy
from api.wire.embeddings import EmbeddingFields
from api.wire.session_request import parse_import, parse_recall, parse_what_if
from domain.errors import InvalidRequest
from domain.messages import Message

NOW = "2026-11-22T10:00:00+00:00"


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_legacy_prompt_is_a_users_message(prompt: object) -> None:
    asked = parse_legacy(orjson.dumps({"prompt": prompt, "max_tokens": 5, "echo": False, "best_of": 1}), NOW)

    assert asked.messages == [Message(role="user", text="Once", said_at=NOW)]
    assert asked.parameters == {"max_tokens": 5}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        *(({"prompt": wrong}, "prompt") for wrong in (None, "", " ", 5, [], ["a", "b"], [1, 2], [[1]], [None])),
        ({"prompt": "a", "n": 17}, "n"),
        ({"prompt": "a", "n": 2, "best_of": 3}, "best_of"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "best_of": "1"}, "best_of"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a", "temperature": "b"}, "temperature"),
    ],
)
def test_a_wrong_legacy_request_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_legacy(orjson.dumps(fields), NOW)

    assert caught.value.param == param


NO_TEXTS: list[object] = [None, [], 5, {}, [1, 2], [[1, 2]], ["a"] * 2049]


@pytest.mark.parametrize(("sent", "read"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_texts_to_embed_come_as_one_or_many(sent: object, read: list[str]) -> None:
    assert validated(EmbeddingFields, {"input": sent}).input == read


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        *(({"input": wrong}, "input") for wrong in NO_TEXTS),
        ({"input": ""}, "input.0"),
        ({"input": ["a", ""]}, "input.1"),
        ({"input": ["a", None]}, "input.1"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": "2"}, "dimensions"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "model": 1}, "model"),
        ({"input": "a", "user": 1}, "user"),
    ],
)
def test_a_wrong_embedding_request_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validated(EmbeddingFields, fields)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"policy": ""}, "policy"),
        ({"policy": 3}, "policy"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 1001}, "top_k"),
        ({"budget": 0}, "budget"),
        ({"budget": "all"}, "budget"),
        ({"budget": True}, "budget"),
    ],
)
def test_wrong_rules_of_what_if_are_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_what_if(orjson.dumps(fields))

    assert caught.value.param == param


def test_a_recall_question_has_defaults() -> None:
    question = parse_recall(b'{"query": "tea?"}')

    assert (question.query, question.k, question.at, question.filters) == ("tea?", 10, None, {})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "query"),
        *(({"query": wrong}, "query") for wrong in ("", " ", 5, None)),
        *(({"query": "a", "k": wrong}, "k") for wrong in (0, -1, "5", 1001, True, 1.5)),
        *(({"query": "a", "at": wrong}, "at") for wrong in (0, -1, "5", 2**63)),
        ({"query": "a", "filters": []}, "filters"),
    ],
)
def test_a_wrong_recall_question_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_recall(orjson.dumps(fields))

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("raw", "payload"),
    [
        (b'{"messages": []}', {"messages": []}),
        (b'{\n"messages": []\n}', {"messages": []}),
        (b'[{"role": "user"}]', {"messages": [{"role": "user"}]}),
        (b'{"a": 1}\n\n{"b": 2}\r\n', {"lines": [{"a": 1}, {"b": 2}]}),
    ],
)
def test_an_import_is_an_object_a_list_or_lines(raw: bytes, payload: dict[str, Any]) -> None:
    parsed = parse_import(raw)

    assert {name: list(cast("Sequence[object]", entries)) for name, entries in parsed.items()} == payload


@pytest.mark.parametrize("raw", [b"", b"5", b"null", b'"a\xff"', "[]".encode("utf-16")])
def test_other_imports_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_import(raw)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b'{"a": 1}\n{"b"', "Line 2, the last, is cut off"),
        (b'{"a": 1}\n\n[]\n{"b":1}', "Line 3: The body of the request must be a JSON object"),
        (b'{"a": 1}\n{"b": "\xff"}\n{"c": 1}', "Line 2: it is not text in UTF-8"),
        (b'{"a": 1\n{"b": 1}\n', "Line 1: We could not parse"),
        (b'{"a": 1}\n{"b": "\\u0000"}', "Line 2: NUL"),
    ],
)
def test_a_broken_line_is_named_when_it_is_read(raw: bytes, told: str) -> None:
    lines = cast("Sequence[object]", parse_import(raw)["lines"])

    with pytest.raises(InvalidRequest, match=told) as caught:
        list(lines)

    assert str(caught.value.param).startswith("lines.")


def test_a_byte_order_mark_is_no_part_of_an_import() -> None:
    assert parse_import(b'\xef\xbb\xbf{"messages": []}') == {"messages": []}


def test_lines_are_a_sequence_whose_numbers_are_those_of_the_file() -> None:
    lines = cast("JsonLines", parse_import(b'{"a": 1}\n\n{"b": 2}\n{"c": 3}\n')["lines"])

    assert (len(lines), lines[1], lines[1:]) == (3, {"b": 2}, [{"b": 2}, {"c": 3}])
    assert [number for number, _ in lines.numbered()] == [1, 3, 4]


@pytest.mark.parametrize("raw", [b"x", b"5", b'{"a": 1} {"b": 2}'])
def test_only_one_object_is_a_body(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_object(raw)


@pytest.mark.parametrize(("size", "elsewhere"), [(SMALL, False), (SMALL + 1, True)])
async def test_a_large_body_is_read_by_another_thread(size: int, elsewhere: bool) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b" " * size, "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)

    length, thread = await parsed(request, lambda raw: (len(raw), get_ident()))

    assert length == size
    assert (thread != get_ident()) is elsewhere


def test_what_is_rewound_forked_and_carried_is_read() -> None:
    assert parse_rewind(b'{"to": 3}') == 3
    assert parse_fork(b"{}") == (None, None)
    assert parse_fork(b'{"at": 3, "as": " tea "}') == (3, "tea")
    assert parse_carry(b'{"from": "tea", "version": 3}') == ("tea", 3)


@pytest.mark.parametrize(
    ("body", "param"),
    [({"at": 0}, "at"), ({"at": "3"}, "at"), ({"at": 2**63}, "at"), ({"as": 5}, "as"), ({"as": "a\nb"}, "as")],
)
def test_a_wrong_fork_is_refused_by_the_name_of_what_is_wrong(body: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_fork(orjson.dumps(body))

    assert refused.value.param == param
