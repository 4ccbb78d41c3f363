"""Replies over real HTTP, as OpenAI's own client reads them."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from api.app import create_app
from api.chat.request import Address
from api.ports import Finish, ModelFailed
from domain.errors import ContextTooLong, TurnAlreadyOpen
from domain.messages import Instruction, Message
from tests.fakes_http import USAGE, FakeAnswer, FakeTurns, fake_services
from tests.serving import Served, serving

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


@contextmanager
def client_of(turns: FakeTurns, path: str = "/v1") -> Generator[openai.OpenAI]:
    with serving(create_app(fake_services(turns))) as served, sdk(served, path) as client:
        yield client


def sdk(served: Served, path: str = "/v1") -> openai.OpenAI:
    return openai.OpenAI(base_url=served.url + path, api_key="none", max_retries=0, timeout=20)


def test_a_whole_reply() -> None:
    with client_of(FakeTurns()) as client:
        response = client.chat.completions.with_raw_response.create(model="m", messages=HI)

    completion = response.parse()
    assert completion.choices[0].message.content == "Hello there."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 15
    assert completion.id == "chatcmpl-t1"
    headers = response.headers
    assert (headers["x-session-id"], headers["x-turn-id"]) == ("tea", "t1")
    assert headers["cache-control"] == "no-store"
    assert headers["x-request-id"].startswith("req_")
    assert headers["openai-version"] == "2020-10-01"
    assert int(headers["openai-processing-ms"]) >= 0
    assert "x-heartline-left-out" not in headers


def test_a_streamed_reply() -> None:
    with (
        client_of(FakeTurns(FakeAnswer(left_out=3))) as client,
        client.chat.completions.with_streaming_response.create(
            model="m", messages=HI, stream=True, stream_options={"include_usage": True}
        ) as response,
    ):
        chunks = list(response.parse())

    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "Hello there."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    headers = response.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert (headers["x-session-id"], headers["x-turn-id"]) == ("tea", "t1")
    assert headers["x-heartline-left-out"] == "3"


async def test_the_asynchronous_client_streams_too() -> None:
    with serving(create_app(fake_services())) as served:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
            stream = await client.chat.completions.create(model="m", messages=HI, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert "".join(pieces) == "Hello there."


def test_what_the_client_said_reaches_the_turn() -> None:
    turns = FakeTurns()
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "Be kind."}, *HI]

    with client_of(turns) as client:
        client.chat.completions.create(model="m", messages=messages, temperature=0.5, max_tokens=9, user="ada")

    (asked,) = turns.asked
    instruction, message = asked.messages
    assert instruction == Instruction(role="system", text="Be kind.")
    assert isinstance(message, Message)
    assert (message.text, message.said_at[-6:]) == ("hi", "+00:00")
    assert (asked.owner, asked.model) == ("local", "m")
    assert asked.parameters == {"temperature": 0.5, "max_tokens": 9}
    assert asked.address == Address(identified_by="user", user="ada")
    assert 0 < asked.parse_ms < 1000


@pytest.mark.parametrize(
    ("path", "external_id"), [("/sessions/tea/v1", "tea"), ("/sessions/caf%C3%A9%20%25/v1", "café %")]
)
def test_a_session_in_the_path_is_decoded_once(path: str, external_id: str) -> None:
    turns = FakeTurns()

    with client_of(turns, path) as client:
        client.chat.completions.create(model="m", messages=HI, extra_headers={"X-Session-ID": "other"})

    assert turns.asked[0].address == Address(external_id=external_id, identified_by="path")


def test_a_session_in_the_header_comes_back_in_the_header() -> None:
    turns = FakeTurns(FakeAnswer(session="café %"))

    with client_of(turns) as client:
        first = client.chat.completions.with_raw_response.create(model="m", messages=HI)
        name = first.headers["x-session-id"]
        client.chat.completions.create(model="m", messages=HI, extra_headers={"X-Session-ID": name})

    assert name == "caf%C3%A9%20%25"
    assert turns.asked[1].address == Address(external_id="café %", identified_by="header")


def test_a_session_in_the_metadata() -> None:
    turns = FakeTurns()

    with client_of(turns) as client:
        client.chat.completions.create(model="m", messages=HI, metadata={"session_id": "tea"}, user="ada")

    assert turns.asked[0].address == Address(external_id="tea", identified_by="metadata", user="ada")


def test_an_answer_that_is_not_stored_names_no_turn() -> None:
    with client_of(FakeTurns(FakeAnswer(is_turn=False))) as client:
        response = client.chat.completions.with_raw_response.create(model="m", messages=HI)

    assert "x-turn-id" not in response.headers


def test_the_legacy_endpoint_answers_whole_and_in_pieces() -> None:
    turns = FakeTurns()

    with client_of(turns, "/sessions/tea/v1") as client:
        whole = client.completions.create(model="m", prompt="Once", max_tokens=5)
        pieces = [chunk.choices[0].text for chunk in client.completions.create(model="m", prompt="Once", stream=True)]

    assert (whole.id, whole.object, whole.choices[0].text) == ("cmpl-t1", "text_completion", "Hello there.")
    assert "".join(pieces) == "Hello there."
    assert [message.text for asked in turns.asked for message in asked.messages] == ["Once", "Once"]


def test_a_superseded_answer_ends_as_cut() -> None:
    cut = Finish(reason="cancelled", usage=USAGE, model="fake-1")

    with client_of(FakeTurns(FakeAnswer(finish=cut))) as client:
        completion = client.chat.completions.create(model="m", messages=HI)

    assert completion.choices[0].finish_reason == "length"


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_stream_keeps_its_status(stream: bool) -> None:
    failed = ModelFailed("Too many.", code="rate_limit_exceeded", status=429, retry_after=7)

    with client_of(FakeTurns(error=failed)) as client, pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="m", messages=HI, stream=stream)

    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id is not None


def test_what_cannot_fit_is_openais_error() -> None:
    with client_of(FakeTurns(error=ContextTooLong("Too long."))) as client, pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(model="m", messages=HI)

    assert (e.value.code, e.value.type) == ("context_length_exceeded", "invalid_request_error")


def test_a_busy_session_is_a_conflict() -> None:
    with client_of(FakeTurns(error=TurnAlreadyOpen("Busy."))) as client, pytest.raises(openai.ConflictError):
        client.chat.completions.create(model="m", messages=HI)


@pytest.mark.parametrize("reply", [FakeAnswer(), FakeAnswer(error=RuntimeError("secret"))])
def test_an_error_of_our_own_is_a_500_without_details_and_logged_once(
    reply: FakeAnswer, caplog: pytest.LogCaptureFixture
) -> None:
    turns = FakeTurns(reply, error=None if reply.error else RuntimeError("secret"))

    with client_of(turns) as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="m", messages=HI)

    assert "secret" not in str(caught.value)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


def test_a_whole_reply_that_fails_half_way_is_an_error_and_ended() -> None:
    reply = FakeAnswer(error=ModelFailed("Gone.", code="upstream_cut", status=502))

    with client_of(FakeTurns(reply)) as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="m", messages=HI)

    assert caught.value.status_code == 502
    assert reply.cancelled


def test_an_error_inside_the_stream_is_raised_by_the_client_behind_what_was_said() -> None:
    reply = FakeAnswer(error=ModelFailed("Gone.", code="upstream_cut", status=502))
    pieces: list[str] = []

    with client_of(FakeTurns(reply)) as client:
        stream = client.chat.completions.create(model="m", messages=HI, stream=True)
        with pytest.raises(openai.APIError, match=r"Gone\.") as caught:
            pieces.extend(chunk.choices[0].delta.content or "" for chunk in stream)

    assert "".join(pieces) == "Hello there."
    assert caught.value.code == "upstream_cut"
    assert reply.cancelled


def test_an_error_inside_the_stream_is_followed_by_done() -> None:
    reply = FakeAnswer(error=ModelFailed("Gone.", code="upstream_cut", status=502))

    with serving(create_app(fake_services(FakeTurns(reply)))) as served:
        body = httpx2.post(f"{served.url}/v1/chat/completions", json={"messages": HI, "stream": True}).text

    error, done = body.strip().split("\n\n")[-2:]
    assert error.startswith('data: {"error":{"message":"Gone."')
    assert done == "data: [DONE]"
