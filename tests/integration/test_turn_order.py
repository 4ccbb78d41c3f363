"""Turns beside one another: one at a time in a session, sessions side by side."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest

from domain.events import ContextBuilt, ReplyCompleted
from tests.fakes_models import ScriptedModel
from tests.system import OWNER, Outside, System, read, system
from tests.turn_fakes import a_while, events_of, of_kind, path_texts


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[System, None]:
    async with system(tmp_path, outside=Outside(model=model)) as built:
        yield built


async def test_another_message_waits_for_the_turns_end(heartline: System, model: ScriptedModel) -> None:
    go_on = asyncio.Event()
    model.will("Hello", go_on, " there.")
    answer = await heartline.ask("tea", heartline.said("Hello"))
    model.will("Fine.")

    asking = asyncio.create_task(heartline.ask("tea", heartline.said("How are you?")))
    await a_while()
    assert not asking.done()
    assert len(model.calls) == 1

    go_on.set()
    await read(answer)
    await read(await asking)
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there.", "u How are you?", "a Fine."]


async def test_a_message_that_waited_sees_the_reply_it_waited_for(heartline: System, model: ScriptedModel) -> None:
    go_on = asyncio.Event()
    model.will("Hello", go_on, " there.")
    answer = await heartline.ask("tea", heartline.said("Hello"))
    asking = asyncio.create_task(heartline.ask("tea", heartline.said("How are you?")))
    await a_while()

    go_on.set()
    await read(answer)
    await read(await asking)

    assert [message["content"] for message in model.calls[1].messages] == ["Hello", "Hello there.", "How are you?"]


async def test_sessions_do_not_wait_for_each_other(heartline: System, model: ScriptedModel) -> None:
    go_on = asyncio.Event()
    model.will("Hello", go_on)
    slow = await heartline.ask("tea", heartline.said("Hello"))
    model.will("Hi")

    await heartline.talk("coffee", "Hello")

    assert await path_texts(heartline, "coffee") == ["u Hello", "a Hi"]
    go_on.set()
    await read(slow)


async def test_many_turns_at_once_make_one_line(heartline: System) -> None:
    async def talk(number: int) -> None:
        await read(await heartline.ask("tea", heartline.said(f"Message {number}")))

    await asyncio.gather(*(talk(number) for number in range(30)))

    events = events_of(heartline, "tea")
    assert [event.originator_version for event in events] == list(range(1, len(events) + 1))
    texts = await path_texts(heartline, "tea")
    assert sorted(texts[::2]) == sorted(f"u Message {number}" for number in range(30))
    assert texts[1::2] == ["a Hello there."] * 30
    opened, replies = of_kind(heartline, "tea", ContextBuilt), of_kind(heartline, "tea", ReplyCompleted)
    assert [turn.turn for turn in opened] == [reply.turn for reply in replies]
    for turn in opened:
        replay = cast("dict[str, Any]", await heartline.sessions.replay(OWNER, "tea", turn.turn))
        assert replay["identical"] is True


async def test_a_system_started_again_goes_on_where_it_was(tmp_path: Path) -> None:
    model = ScriptedModel()
    async with system(tmp_path / "first", outside=Outside(model=model)) as heartline:
        await heartline.talk("tea", "Hello")
    async with system(tmp_path / "first", outside=Outside(model=model)) as heartline:
        await heartline.talk("tea", "How are you?")

        texts = await path_texts(heartline, "tea")
        assert texts == ["u Hello", "a Hello there.", "u How are you?", "a Hello there."]
