"""What an OpenAI-compatible server's chunks become: calls, reasoning, refusals and choices, over real HTTP."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from api.adapters.openai_upstream import OpenAiUpstream
from api.ports import Delta, Finish, ModelFailed, ReasoningDelta, Streamed, ToolCallDelta
from tests.asking import HASTY, HELLO
from tests.upstream import Answer, FakeUpstream, chunk


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture
async def model(upstream: FakeUpstream) -> AsyncIterator[OpenAiUpstream]:
    adapter = OpenAiUpstream(default="fake-1", base_url=upstream.base_url, patience=HASTY)
    yield adapter
    await adapter.close()


async def streamed(model: OpenAiUpstream, upstream: FakeUpstream, *frames: dict[str, Any]) -> list[Streamed]:
    """What a stream of these chunks becomes."""
    upstream.will(Answer(frames=frames))
    return [item async for item in model.stream(HELLO, model="fake-1", parameters={})]


def choice(index: int, *, reason: str | None = None, **delta: object) -> dict[str, Any]:
    return chunk(choices=[{"index": index, "delta": delta, "finish_reason": reason}])


def calling(index: int = 0, **fields: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": index, **fields}]})


async def test_calls_come_in_pieces(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    items = await streamed(
        model,
        upstream,
        calling(id="c1", type="function", function={"name": "f", "arguments": ""}),
        calling(function={"arguments": '{"a"'}),
        calling(function={"arguments": ": 1}"}, extra_content={"google": {"thought_signature": "s"}}),
        calling(1, id="c2", function={"name": "g", "arguments": "{}"}),
        chunk(reason="tool_calls"),
    )

    assert items == [
        ToolCallDelta(id="c1", name="f"),
        ToolCallDelta(arguments='{"a"'),
        ToolCallDelta(arguments=": 1}", extra={"google": {"thought_signature": "s"}}),
        ToolCallDelta(index=1, id="c2", name="g", arguments="{}"),
        Finish("tool_calls", None, "fake-1"),
    ]


async def test_whole_calls_without_index_and_id_get_both_and_their_reason(
    model: OpenAiUpstream, upstream: FakeUpstream
) -> None:
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("f", "g")]
    first, second, finish = await streamed(model, upstream, chunk({"tool_calls": calls}), chunk(reason="stop"))

    assert isinstance(first, ToolCallDelta)
    assert isinstance(second, ToolCallDelta)
    assert [(first.index, first.name), (second.index, second.name)] == [(0, "f"), (1, "g")]
    assert first.id.startswith("call_")
    assert first.id != second.id
    assert cast("Finish", finish).reason == "tool_calls"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_is_told_apart_wherever_it_stands(
    model: OpenAiUpstream, upstream: FakeUpstream, name: str
) -> None:
    thinking = chunk({name: "Hm.", "content": None})
    items = await streamed(model, upstream, thinking, chunk({"content": "Yes"}, reason="stop"))

    assert items == [ReasoningDelta("Hm."), Delta("Yes"), Finish("stop", None, "fake-1")]


async def test_a_refusal_is_marked(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    items = await streamed(model, upstream, chunk({"refusal": "No."}), chunk(reason="stop"))

    assert items[0] == Delta("No.", refusal=True)


async def test_choices_are_told_apart_and_each_ends(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    items = await streamed(
        model,
        upstream,
        choice(0, content="A"),
        choice(2, content="C"),
        choice(2, reason="length"),
        choice(0, content="a", reason="stop"),
    )

    assert items[:-1] == [Delta("A"), Delta("C", 2), Delta("a")]
    assert cast("Finish", items[-1]).reasons == ("stop", "content_filter", "length")


async def test_a_choice_that_never_ends_was_cut(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    with pytest.raises(ModelFailed) as raised:
        await streamed(model, upstream, choice(0, content="A", reason="stop"), choice(1, content="B"))

    assert raised.value.code == "upstream_cut"


async def test_a_choice_that_nobody_could_have_asked_for_is_no_answer(
    model: OpenAiUpstream, upstream: FakeUpstream
) -> None:
    with pytest.raises(ModelFailed, match="no answer"):
        await streamed(model, upstream, choice(10**9, content="far away"))
