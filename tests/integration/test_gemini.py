"""The Gemini adapter against a fake of Google's API over real HTTP: what it sends, and what comes back."""

import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from api.adapters.gemini import GeminiModel
from api.adapters.gemini_access import GeminiAccess
from api.adapters.gemini_contents import MARK, UNSIGNED
from api.ports import Finish, ReasoningDelta, ToolCallDelta, Unsupported
from domain.records import JsonObject, NeutralMessage
from tests.asking import HASTY, HELLO, ask, failure
from tests.gemini_upstream import FakeGemini, access, calling, chunk, refusal, reply
from tests.upstream import Answer


@pytest.fixture
def google() -> Iterator[FakeGemini]:
    with FakeGemini() as server:
        yield server


@pytest.fixture
async def model(google: FakeGemini) -> AsyncIterator[GeminiModel]:
    adapter = GeminiModel(access(google), patience=HASTY)
    yield adapter
    await adapter.close()


async def sent(
    model: GeminiModel,
    google: FakeGemini,
    messages: list[NeutralMessage],
    name: str = "gemini-3.5-flash-lite",
    **parameters: Any,
) -> dict[str, Any]:
    """The body of the request that these messages and parameters make."""
    async for _ in model.stream(messages, model=name, parameters=parameters):
        pass
    return google.requests[-1].body


# -- what is sent ------------------------------------------------------------------------------------------------------


async def test_the_version_is_pinned_and_the_key_stands_in_no_address(model: GeminiModel, google: FakeGemini) -> None:
    await sent(model, google, HELLO)

    (request,) = google.requests
    assert request.path == "/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == "AIza-secret"


async def test_leading_instructions_are_the_system_instruction_and_later_ones_stay_where_they_stand(
    model: GeminiModel, google: FakeGemini
) -> None:
    messages: list[NeutralMessage] = [
        {"role": "system", "content": "You are Mira."},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "system", "content": "Mira is tired."},
        {"role": "user", "content": "How are you?"},
    ]

    body = await sent(model, google, messages)

    assert body["systemInstruction"]["parts"] == [{"text": "You are Mira.\n\nBe brief."}]
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "Hello"}]},
        {"role": "model", "parts": [{"text": "Hi"}]},
        {"role": "user", "parts": [{"text": f"{MARK}\nMira is tired."}, {"text": "How are you?"}]},
    ]


async def test_instructions_alone_are_answered_too(model: GeminiModel, google: FakeGemini) -> None:
    messages: list[NeutralMessage] = [
        {"role": "system", "content": "You are Mira."},
        {"role": "system", "content": "Greet."},
        {"role": "user", "content": ""},
    ]

    body = await sent(model, google, messages)

    assert body["systemInstruction"]["parts"] == [{"text": "You are Mira."}]
    assert body["contents"] == [{"role": "user", "parts": [{"text": f"{MARK}\nGreet."}]}]


async def test_names_are_told_where_a_role_has_several_speakers(model: GeminiModel, google: FakeGemini) -> None:
    messages: list[NeutralMessage] = [
        {"role": "user", "content": "Hello", "name": "Robin"},
        {"role": "assistant", "content": "Hi", "name": "Mira"},
        {"role": "assistant", "content": "Tam: Aye", "name": "Tam"},
    ]

    body = await sent(model, google, messages)

    assert [part["text"] for content in body["contents"] for part in content["parts"]] == [
        "Hello",
        "Mira: Hi",
        "Tam: Aye",
    ]


async def test_parameters_go_by_geminis_names_and_what_it_refuses_stays_behind(
    model: GeminiModel, google: FakeGemini
) -> None:
    body = await sent(
        model,
        google,
        HELLO,
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=9,
        max_tokens=99,
        stop=["a", "", "b", "c", "d", "e", "f"],
        seed=2**40 + 7,
        n=3,
        presence_penalty=1,
        frequency_penalty=1,
        logit_bias={"1": 1},
        verbosity="low",
    )

    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 9,
        "stopSequences": ["a", "b", "c", "d", "e"],
        "seed": 7,
    }
    assert set(body) == {"contents", "generationConfig"}


async def test_a_single_stop_string_is_one_of_a_list(model: GeminiModel, google: FakeGemini) -> None:
    body = await sent(model, google, HELLO, stop="\n", response_format={"type": "text"})

    assert body["generationConfig"] == {"stopSequences": ["\n"]}


async def test_a_json_schema_is_passed_on_as_it_is(model: GeminiModel, google: FakeGemini) -> None:
    schema = {"type": "object", "properties": {"mood": {"type": "string"}}, "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "mood", "schema": schema, "strict": True}}

    body = await sent(model, google, HELLO, response_format=wanted)

    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": schema}


@pytest.mark.parametrize(
    ("name", "effort", "thinking"),
    [
        ("gemini-3.5-flash-lite", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash-lite", "low", {"thinkingLevel": "LOW"}),
        ("gemini-3.5-flash-lite", "max", {"thinkingLevel": "XHIGH"}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-flash-latest", "high", {"thinkingLevel": "HIGH"}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "medium", {"thinkingBudget": 8192}),
        ("gemini-2.0-flash", "high", None),
        ("gemini-3.5-flash-lite", "auto", None),
    ],
)
async def test_efforts_are_levels_or_budgets_as_the_model_knows_them(
    model: GeminiModel, google: FakeGemini, name: str, effort: str, thinking: dict[str, object] | None
) -> None:
    body = await sent(model, google, HELLO, name, reasoning_effort=effort)

    told = body.get("generationConfig", {}).get("thinkingConfig")
    # The SDK writes this one in snake case; Google takes both.
    camel = {"thinking_budget": "thinkingBudget", "thinking_level": "thinkingLevel"}
    assert (told and {camel.get(name, name): value for name, value in told.items()}) == thinking


async def test_a_safety_threshold_is_that_of_every_category(google: FakeGemini) -> None:
    access = GeminiAccess(default="fake-1", api_key="k", base_url=google.base_url, safety="block_only_high")
    model = GeminiModel(access, patience=HASTY)
    body = await sent(model, google, HELLO)
    await model.close()

    assert [setting["threshold"] for setting in body["safetySettings"]] == ["BLOCK_ONLY_HIGH"] * 4
    assert len({setting["category"] for setting in body["safetySettings"]}) == 4


CALL: JsonObject = {"id": "c1", "type": "function", "function": {"name": "sum", "arguments": '{"of": [1, 2]}'}}


@pytest.mark.parametrize(
    ("answered", "response"),
    [('{"total": 3}', {"total": 3}), ("3", {"result": 3}), ("three", {"result": "three"}), ("", {})],
)
async def test_calls_and_results_are_parts(
    model: GeminiModel, google: FakeGemini, answered: str, response: dict[str, object]
) -> None:
    messages: list[NeutralMessage] = [
        {"role": "user", "content": "Add them."},
        {"role": "assistant", "content": "", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "content": answered, "tool_call_id": "c1"},
        {"role": "tool", "content": answered, "tool_call_id": "c2"},
    ]

    body = await sent(model, google, messages, "gemini-2.5-flash-lite")

    called = {"name": "sum", "args": {"of": [1, 2]}}
    result = {"name": "sum", "response": response}
    assert body["contents"][1:] == [
        {
            "role": "model",
            "parts": [{"functionCall": {"id": "c1", **called}}, {"functionCall": {"id": "c2", **called}}],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "c1", **result}}, {"functionResponse": {"id": "c2", **result}}],
        },
    ]


@pytest.mark.parametrize("spoilt", [{}, {"extra_content": {"google": {"thought_signature": "?"}}}])
async def test_a_call_without_its_signature_says_so_to_models_that_want_one(
    model: GeminiModel, google: FakeGemini, spoilt: JsonObject
) -> None:
    calls: list[JsonObject] = [{**CALL, **spoilt}, {**CALL, "id": "c2"}]
    messages: list[NeutralMessage] = [*HELLO, {"role": "assistant", "content": "", "tool_calls": calls}]

    body = await sent(model, google, messages)

    first, second = body["contents"][1]["parts"]
    assert base64.urlsafe_b64decode(first["thoughtSignature"]) == UNSIGNED
    assert "thoughtSignature" not in second


async def test_a_signature_comes_with_its_call_and_goes_back_with_it(model: GeminiModel, google: FakeGemini) -> None:
    google.will(calling("sum", {"of": [1, 2]}, signature="c2lnbmVk"), reply("3"))
    call, _ = [item async for item in model.stream(HELLO, model="gemini-3.5-flash", parameters={})]
    assert isinstance(call, ToolCallDelta)
    assert call.extra == {"google": {"thought_signature": "c2lnbmVk"}}

    told: JsonObject = {
        "id": call.id,
        "extra_content": call.extra,
        "function": {"name": "sum", "arguments": call.arguments},
    }
    body = await sent(
        model, google, [*HELLO, {"role": "assistant", "content": "", "tool_calls": [told]}], "gemini-3.5-flash"
    )

    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "c2lnbmVk"


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "sum"}}, {"mode": "ANY", "allowedFunctionNames": ["sum"]}),
        (None, None),
    ],
)
async def test_a_choice_of_tools_is_a_mode_of_calling(
    model: GeminiModel, google: FakeGemini, choice: object, config: object
) -> None:
    schema = {"type": "object", "properties": {"of": {"type": "array", "items": {"type": "integer"}}}}
    tool = {"type": "function", "function": {"name": "sum", "description": "Adds.", "parameters": schema}}

    body = await sent(model, google, HELLO, tools=[tool], tool_choice=choice)

    # In snake case, as the SDK writes it.
    declared = {"name": "sum", "description": "Adds.", "parameters_json_schema": schema}
    assert body["tools"] == [{"functionDeclarations": [declared]}]
    assert body.get("toolConfig", {}).get("functionCallingConfig") == config


async def test_tools_that_are_no_functions_are_refused(model: GeminiModel, google: FakeGemini) -> None:
    with pytest.raises(Unsupported) as refused:
        model.check(model="fake-1", parameters={"tools": [{"type": "custom", "custom": {"name": "x"}}]}, images=False)

    assert (refused.value.param, refused.value.status) == ("tools", 400)


async def test_images_that_cannot_be_read_are_refused(model: GeminiModel, google: FakeGemini) -> None:
    image: NeutralMessage = {"role": "user", "content": "", "images": [{"sha256": "abc", "media_type": "image/png"}]}

    with pytest.raises(Unsupported, match="Images"):
        await ask(model, [image])

    assert google.requests == []


# -- what comes back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
    ],
)
async def test_finish_reasons_are_ours(model: GeminiModel, google: FakeGemini, said: str, known: str) -> None:
    google.will(reply("Hm", reason=said, usage=None))

    _, finish = await ask(model)

    assert (finish.reason, finish.usage) == (known, None)


async def test_thoughts_are_shown_and_counted_apart(model: GeminiModel, google: FakeGemini) -> None:
    usage = {"promptTokenCount": 21, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 5, "thoughtsTokenCount": 3}
    google.will(
        Answer(
            frames=[
                chunk({"text": "Hmm.", "thought": True}),
                chunk({"text": "Yes."}, reason="STOP", usageMetadata=usage),
            ],
            end="silent",
        )
    )

    thought, text, finish = [item async for item in model.stream(HELLO, model="fake-1", parameters={})]

    assert thought == ReasoningDelta("Hmm.")
    assert finish == Finish(
        "stop",
        {"input_tokens": 23, "output_tokens": 8, "cached_tokens": 0, "reasoning_tokens": 3, "estimated": False},
        "fake-1",
    )
    assert text


async def test_silence_after_the_end_is_no_failure(model: GeminiModel, google: FakeGemini) -> None:
    google.will(Answer(frames=[chunk({"text": "Once"}, reason="STOP")], end="hang"))

    pieces, finish = await ask(model)

    assert (pieces, finish.reason) == (["Once"], "stop")


# -- what goes wrong ---------------------------------------------------------------------------------------------------

KEYLESS = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
OF_THE_DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}


def retry(seconds: str) -> dict[str, str]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": seconds}


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (refusal(400, message="API key not valid. Please pass a valid API key."), 502, "upstream_auth"),
        (refusal(400, details=[KEYLESS]), 502, "upstream_auth"),
        (refusal(401), 502, "upstream_auth"),
        (refusal(404), 404, "model_not_found"),
        (
            refusal(400, message="The input token count exceeds the maximum number of tokens allowed"),
            400,
            "context_length_exceeded",
        ),
        (refusal(400), 400, "rejected"),
        (refusal(429, details=[OF_THE_DAY, retry("3600s")]), 429, "insufficient_quota"),
        (refusal(429, details=[retry("3600s")]), 429, "rate_limit_exceeded"),
        (Answer(kind="page", frames=["<html>"]), 502, "upstream_error"),
        (Answer(frames=["{not json"], end="silent"), 502, "upstream_error"),
        (Answer(frames=[{"candidates": [{"index": "first"}]}], end="silent"), 502, "upstream_error"),
        (Answer(status=400, kind="page", frames=["<html>no</html>"]), 400, "rejected"),
    ],
)
async def test_a_hopeless_failure_is_told_at_once(
    model: GeminiModel, google: FakeGemini, answer: Answer, status: int, code: str
) -> None:
    google.will(answer)

    pieces, failed = await failure(model)

    assert (pieces, failed.status, failed.code) == ([], status, code)
    assert len(google.requests) == 1


@pytest.mark.parametrize("delay", ["600s", "600.5s"])
async def test_the_wait_that_stands_in_the_details_is_honoured(
    model: GeminiModel, google: FakeGemini, delay: str
) -> None:
    google.will(refusal(429, details=[retry(delay)], headers={"Retry-After": "1"}))

    _, failed = await failure(model)

    assert (failed.retry_after, len(google.requests)) == (float(delay[:-1]), 1)


@pytest.mark.parametrize("spoilt", ["soon", None])
async def test_a_wait_that_is_no_duration_is_none(model: GeminiModel, google: FakeGemini, spoilt: str | None) -> None:
    google.will(refusal(503, details=[{**retry(""), "retryDelay": spoilt}]))

    _, failed = await failure(model)

    assert (failed.retry_after, len(google.requests)) == (None, 3)
