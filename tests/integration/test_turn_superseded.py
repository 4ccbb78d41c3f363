"""The same message sent again while it is being answered: the new request takes the place of the old one."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from api.ports import Finish, ModelFailed
from domain.events import MessageReceived, ReplyCompleted, TurnFailed
from tests.fakes_models import ScriptedModel
from tests.system import Outside, System, read, system
from tests.turn_fakes import PlannedLog, a_while, begun, first, of_kind, path_texts, rest, until


@pytest.fixture
def log() -> PlannedLog:
    return PlannedLog()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, log: PlannedLog, model: ScriptedModel) -> AsyncGenerator[System, None]:
    async with system(tmp_path, outside=Outside(log=log, model=model)) as built:
        yield built


async def test_the_same_message_again_supersedes_the_answer_under_way(heartline: System, model: ScriptedModel) -> None:
    said = ("Hello", "Hello there.", "How are you?")
    await read(await begun(heartline, *said[:1]))
    model.will("I am", " not", asyncio.Event())
    answer = await begun(heartline, *said)
    assert await first(answer, 1) == ["I am"]
    model.will("Fine!")

    assert await read(await begun(heartline, *said)) == "Fine!"

    (end,) = await rest(answer)
    assert cast("Finish", end).reason == "cancelled"
    assert [reply.text for reply in of_kind(heartline, "tea", ReplyCompleted)] == ["Hello there.", "I am", "Fine!"]
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there.", "u How are you?", "a Fine!"]


async def test_the_same_message_again_before_the_first_word_leaves_a_superseded_turn(
    heartline: System, model: ScriptedModel, log: PlannedLog
) -> None:
    model.will(asyncio.Event())
    asking = asyncio.create_task(begun(heartline))
    await until(lambda: log.batches)
    model.will("Hi")

    assert await read(await begun(heartline)) == "Hi"

    with pytest.raises(ModelFailed) as failed:
        await asking
    assert (failed.value.code, failed.value.status) == ("superseded", 409)
    assert [failed.code for failed in of_kind(heartline, "tea", TurnFailed)] == ["superseded"]
    assert len(of_kind(heartline, "tea", MessageReceived)) == 1
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hi"]


async def test_the_same_message_again_supersedes_a_turn_that_is_still_being_appended(
    heartline: System, model: ScriptedModel, log: PlannedLog
) -> None:
    durable = asyncio.Event()
    log.will([durable])
    model.will(asyncio.Event())
    asking = asyncio.create_task(begun(heartline))
    await until(lambda: model.calls)
    model.will("Hi")
    again = asyncio.create_task(begun(heartline))
    await a_while()

    durable.set()

    assert await read(await again) == "Hi"
    assert cast("ModelFailed", (await asyncio.gather(asking, return_exceptions=True))[0]).code == "superseded"
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hi"]
