"""Several choices of a reply, from models that give all at once, one at a time, or refuse to give more than one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest

from api.chat.choices import Choices
from api.ports import Delta, Finish, ModelFailed, Streamed
from domain.records import JsonObject, NeutralMessage
from tests.fakes_models import Script, ScriptedModel, Step, usage

HELLO: Sequence[NeutralMessage] = [{"role": "user", "content": "Hello?"}]


def asked(choices: Choices, n: int | None = 3) -> AsyncIterator[Streamed]:
    parameters = {"temperature": 1} if n is None else {"temperature": 1, "n": n}
    return choices.stream(HELLO, model="scripted", parameters=parameters)


async def answer(choices: Choices, n: int | None = 3) -> tuple[dict[int, str], Finish]:
    """The text of each choice, and the one Finish that comes last."""
    *deltas, finish = [item async for item in asked(choices, n)]
    assert isinstance(finish, Finish)
    texts: dict[int, str] = {}
    for delta in cast("list[Delta]", deltas):
        texts[delta.choice] = texts.get(delta.choice, "") + delta.text
    return texts, finish


def says(*steps: Step) -> Script:
    return Script(steps=steps)


async def test_one_choice_is_the_models_own_stream() -> None:
    model = ScriptedModel(says("Hi"))

    assert await answer(Choices(model), None) == ({0: "Hi"}, Finish("stop", usage(), "scripted"))
    assert len(model.calls) == 1


async def test_all_choices_at_once_are_passed_on() -> None:
    model = ScriptedModel(Script(steps=[Delta("A"), Delta("B", 1), Delta("C", 2)], others=("length", "stop")))

    texts, finish = await answer(Choices(model))

    assert texts == {0: "A", 1: "B", 2: "C"}
    assert finish.reasons == ("stop", "length", "stop")
    assert [call.parameters for call in model.calls] == [{"temperature": 1, "n": 3}]


async def test_of_a_model_that_gives_one_the_others_are_asked() -> None:
    model = ScriptedModel(says("A"), says("B"), says("C"))

    texts, finish = await answer(Choices(model))

    assert texts == {0: "A", 1: "B", 2: "C"}
    assert finish == Finish("stop", usage(input_tokens=21, output_tokens=15), "scripted", ("stop", "stop"))
    assert [call.parameters.get("n") for call in model.calls] == [3, None, None]


async def test_a_model_that_gave_one_is_asked_for_all_side_by_side() -> None:
    wait = asyncio.Event()
    model = ScriptedModel(says("A"), says("B"), says("C", wait, "c"), says("D", wait, "d"))
    choices = Choices(model)
    await answer(choices, 2)

    async with aclosing(cast(Any, asked(choices, 2))) as items:
        begun = [await anext(items), await anext(items)]
        wait.set()
        rest = [item async for item in items]

    assert sorted((item.choice, item.text) for item in begun) == [(0, "C"), (1, "D")]
    assert rest[-1].reasons == ("stop", "stop")
    assert [call.parameters.get("n") for call in model.calls] == [2, None, None, None]


async def test_a_model_that_refuses_to_give_several_is_asked_for_one_at_a_time() -> None:
    only_one = ModelFailed("Only one completion choice is allowed.", code="rejected", status=400)
    model = ScriptedModel(says(only_one), says("A"), says("B"))

    texts, _ = await answer(Choices(model), 2)

    assert texts == {0: "A", 1: "B"}
    assert [call.parameters.get("n") for call in model.calls] == [2, None, None]


async def test_what_is_refused_for_another_reason_fails_in_the_end() -> None:
    with pytest.raises(ModelFailed, match="Bad format"):
        await answer(Choices(ScriptedModel(says(ModelFailed("Bad format.", code="rejected", status=400)))), 2)


@pytest.mark.parametrize("steps", [(), ("A",)])
async def test_a_call_for_several_that_breaks_is_not_repeated(steps: Sequence[Step]) -> None:
    model = ScriptedModel(says(*steps, ModelFailed("Gone.", code="upstream_cut", status=502)))

    with pytest.raises(ModelFailed, match="Gone"):
        await answer(Choices(model))

    assert len(model.calls) == 1


async def test_a_further_choice_that_fails_ends_where_it_was(caplog: pytest.LogCaptureFixture) -> None:
    gone = ModelFailed("Gone.", code="upstream_cut", status=502)
    model = ScriptedModel(says("A"), says("B", gone), says("C"))

    texts, finish = await answer(Choices(model))

    assert texts == {0: "A", 1: "B", 2: "C"}
    assert (finish.reasons, finish.usage) == (("stop", "cancelled", "stop"), None)
    assert "upstream_cut" in caplog.text


async def test_who_leaves_ends_every_call() -> None:
    never = asyncio.Event()
    model = ScriptedModel(says("A"), says("B"), says("C", never))
    choices = Choices(model)
    await answer(choices, 2)

    async with aclosing(cast(Any, asked(choices, 3))) as items:
        await anext(items)

    assert [call.ended.is_set() for call in model.calls] == [True] * len(model.calls)


class OneAtATime(ScriptedModel):
    """Refuses `n`; asked for one, it streams what it was given, and then nothing more."""

    def __init__(self, *items: Streamed | Exception) -> None:
        super().__init__()
        self._items = items

    async def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        if "n" in parameters:
            raise ModelFailed("One only.", code="rejected", status=400, param="n")
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item


async def test_a_stream_that_stops_without_a_finish_was_cut() -> None:
    with pytest.raises(ModelFailed) as failed:
        await answer(Choices(OneAtATime(Delta("A"))))

    assert failed.value.code == "upstream_cut"


async def test_an_adapter_that_breaks_breaks_the_reply() -> None:
    with pytest.raises(ZeroDivisionError):
        await answer(Choices(OneAtATime(Delta("A"), ZeroDivisionError())))
