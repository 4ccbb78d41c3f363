"""The google-generativeai adapter against a fake of Google's API over real HTTP, where that extra is installed."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.adapters.calls import Patience
from api.ports import Finish, ToolCallDelta, Unsupported
from domain.records import JsonObject
from tests.asking import HASTY, HELLO, ask, failure
from tests.gemini_upstream import FakeGemini, access, calling, chunk, refusal, reply
from tests.upstream import Answer

pytest.importorskip("google.api_core", reason="the extra google-generativeai is not installed")
# The module does not import without the package.
from api.adapters.google_generativeai import GoogleGenerativeAiModel


@pytest.fixture
def google() -> Iterator[FakeGemini]:
    with FakeGemini() as server:
        yield server


@pytest.fixture
async def model(google: FakeGemini) -> AsyncIterator[GoogleGenerativeAiModel]:
    adapter = GoogleGenerativeAiModel(access(google), patience=HASTY)
    yield adapter
    await adapter.close()


async def sent(model: GoogleGenerativeAiModel, google: FakeGemini, **parameters: Any) -> dict[str, Any]:
    await ask(model, [{"role": "system", "content": "Be brief."}, *HELLO], **parameters)
    return google.requests[-1].body


async def test_what_it_cannot_say_stays_behind(model: GoogleGenerativeAiModel, google: FakeGemini) -> None:
    body = await sent(
        model, google, temperature=0.5, max_tokens=9, stop="\n", seed=7, reasoning_effort="high", presence_penalty=1
    )

    assert body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hello?"}]}]
    assert body["generationConfig"] == {"temperature": 0.5, "maxOutputTokens": 9, "stopSequences": ["\n"]}
    assert google.requests[-1].path.startswith("/v1beta/models/fake-1:streamGenerateContent")


async def test_the_schema_of_a_tool_is_told_as_far_as_it_can_be(
    model: GoogleGenerativeAiModel, google: FakeGemini
) -> None:
    schema: JsonObject = {
        "type": "object",
        "description": "Where.",
        "properties": {
            "place": {"type": "string", "enum": ["Oslo", "Bergen"]},
            "days": {"type": ["integer", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "any": {},
        },
        "required": ["place"],
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    bare = {"type": "function", "function": {"name": "now"}}

    body = await sent(model, google, tools=[tool, bare], tool_choice="auto")

    weather, now = body["tools"][0]["functionDeclarations"]
    told = weather["parameters"]
    # Enums are numbers in this SDK's JSON: 1 string, 3 integer, 5 array, 6 object.
    assert (told["type"], told["description"], told["required"]) == (6, "Where.", ["place"])
    assert told["properties"]["place"] == {"type": 1, "enum": ["Oslo", "Bergen"]}
    assert told["properties"]["days"] == {"type": 3, "nullable": True}
    assert told["properties"]["tags"] == {"type": 5, "items": {"type": 1}}
    assert "parameters" not in now
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": 1}


@pytest.mark.parametrize(
    ("name", "parameters", "param"),
    [
        (
            "gemini-2.5-flash",
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
            "response_format",
        ),
        ("gemini-3.5-flash", {"tools": [{"type": "function", "function": {"name": "now"}}]}, "tools"),
    ],
)
async def test_what_it_is_too_old_for_is_refused(
    model: GoogleGenerativeAiModel, google: FakeGemini, name: str, parameters: JsonObject, param: str
) -> None:
    with pytest.raises(Unsupported, match="MODEL_PROVIDER=gemini") as refused:
        model.check(model=name, parameters=parameters, images=False)

    assert (refused.value.param, refused.value.status) == (param, 400)


async def test_numbers_of_a_call_stay_whole(model: GoogleGenerativeAiModel, google: FakeGemini) -> None:
    google.will(calling("sum", {"of": [1, 2.5], "deep": {"n": 3}}))

    call, finish = [item async for item in model.stream(HELLO, model="fake-1", parameters={})]

    assert isinstance(call, ToolCallDelta)
    assert call.arguments == '{"of": [1, 2.5], "deep": {"n": 3}}'
    assert isinstance(finish, Finish)


@pytest.mark.parametrize(
    ("said", "known"), [("MAX_TOKENS", "length"), ("IMAGE_SAFETY", "content_filter"), ("OTHER", "stop")]
)
async def test_finish_reasons_are_ours(
    model: GoogleGenerativeAiModel, google: FakeGemini, said: str, known: str
) -> None:
    google.will(reply("Hm", reason=said))

    assert (await ask(model))[1].reason == known


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (refusal(400, message="API key not valid. Please pass a valid API key."), 502, "upstream_auth"),
        (refusal(404), 404, "model_not_found"),
        (refusal(400), 400, "rejected"),
        (Answer(status=400, kind="page", frames=["<html>no</html>"]), 400, "rejected"),
        (Answer(kind="page", frames=["<html>"]), 502, "upstream_error"),
        (Answer(frames=["{not json}"], end="silent"), 502, "upstream_error"),
    ],
)
async def test_a_hopeless_failure_is_told_at_once(
    model: GoogleGenerativeAiModel, google: FakeGemini, answer: Answer, status: int, code: str
) -> None:
    google.will(answer)

    pieces, failed = await failure(model)

    assert (pieces, failed.status, failed.code) == ([], status, code)
    assert len(google.requests) == 1


async def test_silence_after_the_end_is_no_failure(model: GoogleGenerativeAiModel, google: FakeGemini) -> None:
    google.will(Answer(frames=[chunk({"text": "Once"}, reason="STOP")], end="hang"))

    pieces, finish = await ask(model)

    assert (pieces, finish.reason) == (["Once"], "stop")


async def test_a_caller_that_leaves_while_it_connects_is_not_waited_for(google: FakeGemini) -> None:
    # An address of which nothing ever comes back.
    unreachable = replace(access(google), base_url="http://10.255.255.1")
    model = GoogleGenerativeAiModel(unreachable, patience=Patience(connect=0.5))
    reader = asyncio.create_task(ask(model))
    await asyncio.sleep(0.1)

    began = time.perf_counter()
    reader.cancel()
    await asyncio.wait([reader])
    await model.close()

    assert time.perf_counter() - began < 1
