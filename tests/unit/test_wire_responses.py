"""What the wire writes: OpenAI's shapes to the letter, as their own types read them."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, get_args

import numpy as np
import orjson
import pytest
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from api.chat.gathered import Choice, Gathered
from api.errors import BodyTooLarge, ClientGone, error_response, failure
from api.ports import Delta, Finish, ModelFailed, ReasoningDelta, Streamed, ToolCallDelta
from api.shutdown import Shutdown, ShuttingDown
from api.vectors import unit_mean
from api.wire.completion_response import ChatShape, Shape, TextShape
from api.wire.embeddings import embedding_list
from api.wire.frames import reply_frames
from domain.errors import (
    Conflict,
    ContextTooLong,
    HeartlineError,
    InvalidRequest,
    NotFound,
    SummaryOutdated,
    TurnAlreadyOpen,
    Unavailable,
    VersionConflict,
)
from domain.records import FinishReason
from tests.fakes_http import USAGE, FakeAnswer

STOP = Finish(reason="stop", usage=USAGE, model="fake-1")


def said(text: str) -> list[Choice]:
    return [Choice(said=[text])]


def as_sent(value: object) -> Any:
    return orjson.loads(orjson.dumps(value))


async def frames(shape: Shape, items: AsyncIterator[Streamed], *, usage: bool = False) -> list[bytes]:
    """One by one, whichever were sent together."""
    sent = b"".join([some async for some in reply_frames(items, shape, usage=usage)])
    return [frame + b"\n\n" for frame in sent.split(b"\n\n")[:-1]]


def chunks(sent: list[bytes]) -> list[Any]:
    assert sent[-1] == b"data: [DONE]\n\n"
    assert all(frame.startswith(b"data: ") and frame.endswith(b"\n\n") and frame.count(b"\n") == 2 for frame in sent)
    return [orjson.loads(frame.removeprefix(b"data: ")) for frame in sent[:-1]]


def test_a_whole_reply_is_a_chat_completion_with_its_required_nulls() -> None:
    whole = as_sent(ChatShape(FakeAnswer(), include_usage=False).whole(said("Hello."), STOP))

    ChatCompletion.model_validate(whole, strict=True)
    assert whole == {
        "id": "chatcmpl-t1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "fake-1",
        "service_tier": "default",
        "system_fingerprint": "fp_heartline",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello.", "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 3,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
    }


def test_usage_that_nobody_knows_is_left_out() -> None:
    silent = Finish(reason="stop", usage=None, model="fake-1")

    assert "usage" not in ChatShape(FakeAnswer(), include_usage=False).whole(said("Hello."), silent)


@pytest.mark.parametrize("reason", get_args(FinishReason))
def test_every_end_has_a_reason_that_openai_knows(reason: FinishReason) -> None:
    finish = Finish(reason=reason, usage=USAGE, model="fake-1")

    ChatCompletion.model_validate(
        as_sent(ChatShape(FakeAnswer(), include_usage=False).whole(said(""), finish)), strict=True
    )
    Completion.model_validate(
        as_sent(TextShape(FakeAnswer(), include_usage=False).whole(said(""), finish)), strict=True
    )


async def test_a_stream_begins_with_the_role_and_ends_with_the_reason() -> None:
    answer = FakeAnswer()

    sent = chunks(await frames(ChatShape(answer, include_usage=False), answer.stream()))

    for chunk in sent:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    assert [chunk["choices"][0]["delta"] for chunk in sent] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Hello"},
        {"content": " there."},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in sent] == [None, None, None, "stop"]
    assert {chunk["id"] for chunk in sent} == {"chatcmpl-t1"}
    assert not any("usage" in chunk for chunk in sent)


async def test_usage_if_asked_for_is_null_in_every_chunk_but_an_extra_last_one() -> None:
    answer = FakeAnswer()

    *before, last = chunks(await frames(ChatShape(answer, include_usage=True), answer.stream(), usage=True))

    assert all(chunk["usage"] is None and chunk["choices"] for chunk in before)
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 15)
    ChatCompletionChunk.model_validate(last, strict=True)


async def test_a_broken_stream_tells_its_error_and_is_done() -> None:
    answer = FakeAnswer(error=ModelFailed("The model is gone.", code="upstream_cut", status=502))

    *_, piece, error = chunks(await frames(ChatShape(answer, include_usage=True), answer.stream(), usage=True))

    assert piece["choices"][0]["delta"] == {"content": " there."}
    assert error == {
        "error": {"message": "The model is gone.", "type": "server_error", "param": None, "code": "upstream_cut"}
    }


async def test_an_error_of_our_own_is_logged_and_told_without_details(caplog: pytest.LogCaptureFixture) -> None:
    answer = FakeAnswer(error=KeyError("secret"))

    *_, error = chunks(await frames(ChatShape(answer, include_usage=False), answer.stream()))

    assert error["error"]["type"] == "server_error"
    assert "secret" not in error["error"]["message"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


# -- more than words ---------------------------------------------------------------------------------------------------


async def streamed(*items: Streamed) -> list[dict[str, Any]]:
    """Index, delta and reason of every chunk, each of which is one that OpenAI's types know."""

    async def source() -> AsyncIterator[Streamed]:
        for item in items:
            yield item

    sent = chunks(await frames(ChatShape(FakeAnswer(), include_usage=False), source()))
    for chunk in sent:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    choices = [choice for chunk in sent for choice in chunk["choices"]]
    return [{**choice["delta"], "at": choice["index"], "end": choice["finish_reason"]} for choice in choices]


async def test_a_streamed_call_has_its_id_and_name_first_and_then_its_arguments() -> None:
    sent = await streamed(
        ToolCallDelta(id="c1", name="f", extra={"signature": "s"}),
        ToolCallDelta(arguments='{"a"'),
        ToolCallDelta(arguments=": 1}"),
        ToolCallDelta(index=1, id="c2", name="g", arguments="{}"),
        Finish(reason="tool_calls", usage=USAGE, model="fake-1"),
    )

    function = {"name": "f", "arguments": ""}
    first = {"index": 0, "id": "c1", "type": "function", "function": function, "extra_content": {"signature": "s"}}
    second = {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    assert sent == [
        {"role": "assistant", "content": None, "refusal": None, "at": 0, "end": None},
        {"tool_calls": [first], "at": 0, "end": None},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}], "at": 0, "end": None},
        {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}], "at": 0, "end": None},
        {"tool_calls": [second], "at": 0, "end": None},
        {"at": 0, "end": "tool_calls"},
    ]


async def test_each_choice_has_its_role_and_its_reason() -> None:
    sent = await streamed(
        Delta("A"), Delta("B", 1), Delta("a"), Finish("stop", USAGE, "fake-1", ("length", "content_filter"))
    )

    role = {"role": "assistant", "content": "", "refusal": None}
    assert sent == [
        {**role, "at": 0, "end": None},
        {"content": "A", "at": 0, "end": None},
        {**role, "at": 1, "end": None},
        {"content": "B", "at": 1, "end": None},
        {"content": "a", "at": 0, "end": None},
        {**role, "at": 2, "end": None},
        {"at": 0, "end": "stop"},
        {"at": 1, "end": "length"},
        {"at": 2, "end": "content_filter"},
    ]


async def test_reasoning_and_refusals_stream_under_their_own_names() -> None:
    sent = await streamed(ReasoningDelta("Hm."), Delta("No.", refusal=True), STOP)

    assert [(chunk.get("reasoning_content"), chunk.get("content"), chunk.get("refusal")) for chunk in sent] == [
        (None, "", None),
        ("Hm.", None, None),
        (None, None, "No."),
        (None, None, None),
    ]


def test_whole_choices_tell_calls_reasoning_and_refusals() -> None:
    reply = Gathered()
    for delta in (
        ReasoningDelta("Hm."),
        ToolCallDelta(id="c1", name="f", arguments="{}"),
        Delta("No.", 1, refusal=True),
        Delta("Let me see.", 2),
        ToolCallDelta(id="c2", name="g", choice=2),
    ):
        reply.take(delta)
    finish = Finish("tool_calls", USAGE, "fake-1", ("stop", "tool_calls"))

    whole = as_sent(ChatShape(FakeAnswer(), include_usage=False).whole(reply.choices(), finish))

    ChatCompletion.model_validate(whole, strict=True)
    call, refusal, both = (choice["message"] for choice in whole["choices"])
    assert (call["content"], call["reasoning_content"], call["tool_calls"][0]["id"]) == (None, "Hm.", "c1")
    assert (refusal["content"], refusal["refusal"]) == (None, "No.")
    assert (both["content"], both["tool_calls"][0]["function"]["name"]) == ("Let me see.", "g")
    assert [choice["finish_reason"] for choice in whole["choices"]] == ["tool_calls", "stop", "tool_calls"]


async def test_legacy_choices_have_text_alone() -> None:
    async def source() -> AsyncIterator[Streamed]:
        for item in (ReasoningDelta("Hm."), Delta("A"), Delta("B", 1)):
            yield item
        yield Finish("stop", USAGE, "fake-1", ("tool_calls",))

    sent = chunks(await frames(TextShape(FakeAnswer(), include_usage=False), source()))

    choices = [choice for chunk in sent for choice in chunk["choices"]]
    assert [(choice["index"], choice["text"], choice["finish_reason"]) for choice in choices] == [
        (0, "A", None),
        (1, "B", None),
        (0, "", "stop"),
        (1, "", "stop"),
    ]


async def test_a_legacy_stream_is_of_text_completions() -> None:
    answer = FakeAnswer()

    sent = chunks(await frames(TextShape(answer, include_usage=True), answer.stream(), usage=True))

    assert [choice["text"] for chunk in sent for choice in chunk["choices"]] == ["Hello", " there.", ""]
    assert {chunk["object"] for chunk in sent} == {"text_completion"}
    assert sent[-1]["usage"]["total_tokens"] == 15
    Completion.model_validate(sent[-2], strict=True)


# -- embeddings --------------------------------------------------------------------------------------------------------


def test_a_vector_is_the_normalised_mean_of_its_parts() -> None:
    vector = unit_mean(np.array([[1, 0], [0, 1]], dtype=np.float16))

    assert vector.dtype == np.float32
    assert vector.tolist() == pytest.approx([0.5**0.5, 0.5**0.5])


def test_vectors_are_written_as_numbers_or_as_little_endian_base64() -> None:
    vectors = [np.array([1.0, -0.5], dtype=np.float32)]

    numbers = as_sent(embedding_list(vectors, model="m", in_base64=False, tokens=3))
    packed = as_sent(embedding_list(vectors, model="m", in_base64=True, tokens=3))

    CreateEmbeddingResponse.model_validate(numbers, strict=True)
    assert numbers["data"] == [{"object": "embedding", "index": 0, "embedding": [1.0, -0.5]}]
    assert numbers["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert base64.b64decode(packed["data"][0]["embedding"]) == b"\x00\x00\x80\x3f\x00\x00\x00\xbf"


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (InvalidRequest("x", param="n"), 400, "invalid_request_error", "invalid_request"),
        (ContextTooLong("x"), 400, "invalid_request_error", "context_length_exceeded"),
        (NotFound("x"), 404, "invalid_request_error", "not_found"),
        (BodyTooLarge("x"), 413, "invalid_request_error", "body_too_large"),
        (Conflict("x"), 409, "invalid_request_error", "conflict"),
        (VersionConflict("x"), 409, "invalid_request_error", "version_conflict"),
        (TurnAlreadyOpen("x"), 409, "invalid_request_error", "turn_open"),
        (SummaryOutdated("x"), 409, "invalid_request_error", "summary_outdated"),
        (Unavailable("x"), 503, "server_error", "unavailable"),
        (ShuttingDown("x"), 503, "server_error", "shutting_down"),
        (HeartlineError("x"), 500, "server_error", "error"),
        (ModelFailed("x", code="rate_limit_exceeded", status=429), 429, "rate_limit_error", "rate_limit_exceeded"),
        (ModelFailed("x", code="rejected", status=400), 400, "invalid_request_error", "rejected"),
        (ModelFailed("x", code="upstream_error", status=502), 502, "server_error", "upstream_error"),
        (ModelFailed("x", code="odd", status=200), 502, "server_error", "odd"),
        (RuntimeError("x"), 500, "server_error", None),
    ],
)
def test_every_error_has_a_status_and_openais_object(
    error: Exception, status: int, kind: str, code: str | None
) -> None:
    response = error_response(error)

    told = orjson.loads(bytes(response.body))["error"]
    assert response.status_code == status
    assert set(told) == {"message", "type", "param", "code"}
    assert (told["type"], told["code"]) == (kind, code)


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (ModelFailed("x", code="rate_limit_exceeded", status=429, retry_after=1.2), {"retry-after": "2"}),
        (ModelFailed("x", code="upstream_unavailable", status=503), {"retry-after": "1"}),
        (ModelFailed("x", code="upstream_error", status=502), {"x-should-retry": "false"}),
        (ModelFailed("x", code="insufficient_quota", status=429), {"x-should-retry": "false"}),
        (TurnAlreadyOpen("x"), {"retry-after": "1"}),
        (Conflict("x"), {"x-should-retry": "false"}),
        (Unavailable("x"), {"retry-after": "1"}),
        (RuntimeError("x"), {"x-should-retry": "false"}),
    ],
)
def test_clients_are_told_whether_to_try_again(error: Exception, headers: dict[str, str]) -> None:
    sent = error_response(error).headers

    assert {name: sent[name] for name in ("retry-after", "x-should-retry") if name in sent} == headers


def test_an_unknown_error_tells_nothing_of_itself() -> None:
    assert "secret" not in failure(RuntimeError("secret")).message


def test_nobody_reads_what_a_client_that_left_is_told() -> None:
    assert error_response(ClientGone()).status_code == 499


# -- stopping ----------------------------------------------------------------------------------------------------------


async def test_work_within_the_grace_is_finished() -> None:
    shutdown = Shutdown()
    work = asyncio.create_task(shutdown.within(asyncio.sleep(0.02, "done")))
    await asyncio.sleep(0)

    shutdown.begin(5)

    assert await work == "done"


async def test_work_beyond_the_grace_is_cut() -> None:
    shutdown = Shutdown()
    work = asyncio.create_task(shutdown.within(asyncio.sleep(30)))
    await asyncio.sleep(0)

    shutdown.begin(0.01)
    shutdown.begin(60)

    with pytest.raises(ShuttingDown):
        await work
    with pytest.raises(ShuttingDown):
        await shutdown.within(asyncio.sleep(30))


async def test_a_timeout_of_the_work_itself_is_its_own() -> None:
    async def late() -> None:
        raise TimeoutError("of the work")

    with pytest.raises(TimeoutError, match="of the work"):
        await Shutdown().within(late())


async def test_what_is_awaited_ends_sooner_when_the_server_begins_to_stop() -> None:
    shutdown = Shutdown()
    work = asyncio.ensure_future(asyncio.sleep(60))

    await shutdown.sooner(asyncio.sleep(0))
    asyncio.get_running_loop().call_soon(shutdown.begin, 5)
    await shutdown.sooner(work)

    assert (shutdown.begun, work.cancelling()) == (True, 1)
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_what_fails_sooner_is_told() -> None:
    async def fails() -> None:
        raise Unavailable("Gone.")

    with pytest.raises(Unavailable):
        await Shutdown().sooner(fails())
