"""When an answer begins: the turn is durable, and the first word is there. Else there is none."""

import asyncio

import pytest

from api.ports import ModelFailed
from domain.errors import Unavailable, VersionConflict
from domain.events import TurnFailed
from tests.fakes_models import ScriptedModel
from tests.system import System, read
from tests.turn_fakes import (
    PlannedLog,
    a_while,
    of_kind,
    path_texts,
    turn_is_open,
    until,
)


async def test_the_answer_waits_for_the_append(heartline: System, log: PlannedLog, model: ScriptedModel) -> None:
    durable = asyncio.Event()
    log.will([durable])

    asking = asyncio.create_task(heartline.ask("tea", heartline.said("Hello")))
    await until(lambda: model.calls and model.calls[0].finished)
    await a_while()
    assert not asking.done()
    assert log.last_position() == 0

    durable.set()
    assert await read(await asking) == "Hello there."


async def test_the_answer_waits_for_the_first_word(heartline: System, log: PlannedLog, model: ScriptedModel) -> None:
    first_word = asyncio.Event()
    model.will(first_word, "Hi")

    asking = asyncio.create_task(heartline.ask("tea", heartline.said("Hello")))
    await until(lambda: log.batches)
    await a_while()
    assert not asking.done()

    first_word.set()
    assert await read(await asking) == "Hi"


async def test_an_append_that_fails_cancels_the_model_and_frees_the_session(
    heartline: System, log: PlannedLog, model: ScriptedModel
) -> None:
    full = asyncio.Event()
    log.will([full, Unavailable("The disk is full.")])
    model.will("Hi", asyncio.Event())

    asking = asyncio.create_task(heartline.ask("tea", heartline.said("Hello")))
    await until(lambda: model.calls)
    full.set()
    with pytest.raises(Unavailable):
        await asking

    await until(model.calls[0].ended.is_set)
    assert not model.calls[0].finished
    assert log.last_position() == 0
    model.will("Hi again")
    await heartline.talk("tea", "Hello")
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hi again"]


async def test_a_turn_that_somebody_else_preceded_is_decided_again(
    heartline: System, log: PlannedLog, model: ScriptedModel
) -> None:
    preceded = asyncio.Event()
    log.will([preceded, VersionConflict("Somebody was first.")])
    model.will("Hi", asyncio.Event())

    asking = asyncio.create_task(heartline.ask("tea", heartline.said("Hello")))
    await until(lambda: model.calls)
    model.will("Hi")
    preceded.set()
    assert await read(await asking) == "Hi"

    assert [call.finished for call in model.calls] == [False, True]
    assert model.calls[0].ended.is_set()
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hi"]


async def test_a_turn_that_is_always_preceded_is_given_up(heartline: System, log: PlannedLog) -> None:
    log.will(*[[VersionConflict("Somebody was first.")]] * 3)

    with pytest.raises(VersionConflict):
        await heartline.ask("tea", heartline.said("Hello"))

    assert log.last_position() == 0
    await heartline.talk("tea", "Hello")


async def test_a_model_that_fails_before_the_first_word_fails_the_request(
    heartline: System, model: ScriptedModel
) -> None:
    model.will(ModelFailed("Too many.", code="rate_limit_exceeded", status=429, retry_after=3))

    with pytest.raises(ModelFailed) as failed:
        await heartline.ask("tea", heartline.said("Hello"))

    assert (failed.value.code, failed.value.status, failed.value.retry_after) == ("rate_limit_exceeded", 429, 3)
    assert [failed.code for failed in of_kind(heartline, "tea", TurnFailed)] == ["rate_limit_exceeded"]
    assert await path_texts(heartline, "tea") == ["u Hello"]
    assert not await turn_is_open(heartline, "tea")
