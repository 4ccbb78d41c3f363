"""How turns end: failed half-way, not stored, left by the client, superseded; and that none stays open for ever."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from api.ports import Finish, ModelFailed
from domain.errors import Unavailable, VersionConflict
from domain.events import ReplyCompleted, TurnFailed
from domain.records import FinishReason
from tests.fakes_models import ScriptedModel
from tests.system import Outside, System, read, system
from tests.turn_fakes import (
    Plan,
    PlannedLog,
    a_while,
    begun,
    cancelled_at,
    events_of,
    first,
    kinds,
    of_kind,
    path_texts,
    rest,
    turn_is_open,
    until,
)


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


# -- the model fails ---------------------------------------------------------------------------------------------------


async def test_a_model_that_fails_half_way_ends_the_stream_with_its_error(
    heartline: System, model: ScriptedModel
) -> None:
    model.will("Hel", ModelFailed("Cut.", code="upstream_cut", status=502))

    piece, error = await rest(await begun(heartline))

    assert (piece, cast("ModelFailed", error).code) == ("Hel", "upstream_cut")
    assert [failed.code for failed in of_kind(heartline, "tea", TurnFailed)] == ["upstream_cut"]
    assert await path_texts(heartline, "tea") == ["u Hello"]


async def test_a_reply_that_cannot_be_stored_is_no_finished_one(heartline: System, log: PlannedLog) -> None:
    log.will([], [Unavailable("The disk is full.")])

    pieces = await rest(await begun(heartline))

    assert pieces[:-1] == ["Hello", " there."]
    assert isinstance(pieces[-1], Unavailable)
    assert await turn_is_open(heartline, "tea")


async def test_a_turn_that_nobody_answers_any_more_is_failed_by_the_next(heartline: System, log: PlannedLog) -> None:
    log.will([], [Unavailable("The disk is full.")])
    await rest(await begun(heartline))

    await heartline.talk("tea", "Are you there?")

    assert [failed.code for failed in of_kind(heartline, "tea", TurnFailed)] == ["abandoned"]
    assert await path_texts(heartline, "tea") == ["u Hello", "u Are you there?", "a Hello there."]


async def test_a_failure_that_cannot_be_stored_leaves_the_session_free(
    heartline: System, log: PlannedLog, model: ScriptedModel
) -> None:
    log.will([], [Unavailable("The disk is full.")])
    model.will(ModelFailed("No.", code="upstream_error", status=502))
    with pytest.raises(Unavailable):
        await begun(heartline)
    model.will("Hi")

    await heartline.talk("tea", "Hello")

    assert await path_texts(heartline, "tea") == ["u Hello", "a Hi"]


async def test_a_reply_that_somebody_else_preceded_is_stored_behind(heartline: System, log: PlannedLog) -> None:
    log.will([], [VersionConflict("Somebody was first.")])

    assert await read(await begun(heartline)) == "Hello there."

    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there."]


@pytest.mark.parametrize(("reason", "code"), [("stop", "empty_reply"), ("content_filter", "content_filter")])
async def test_a_reply_without_text_becomes_no_memory(
    heartline: System, model: ScriptedModel, reason: FinishReason, code: str
) -> None:
    model.will(reason=reason)

    (finish,) = await rest(await begun(heartline))

    assert cast("Finish", finish).reason == reason
    assert [failed.code for failed in of_kind(heartline, "tea", TurnFailed)] == [code]
    assert await path_texts(heartline, "tea") == ["u Hello"]


# -- the client is gone ------------------------------------------------------------------------------------------------


async def test_of_a_reply_that_the_client_left_is_stored_what_was_sent(heartline: System, model: ScriptedModel) -> None:
    model.will("One", " two", " three", asyncio.Event(), " four")
    answer = await begun(heartline)
    await until(lambda: len(model.calls) == 1)
    await a_while()
    assert await first(answer, 2) == ["One", " two"]

    await answer.cancel()

    (reply,) = of_kind(heartline, "tea", ReplyCompleted)
    assert (reply.text, reply.finish_reason) == ("One two", "cancelled")
    assert model.calls[0].ended.is_set()


async def test_after_a_cancel_nothing_more_is_sent_than_was_stored(heartline: System, model: ScriptedModel) -> None:
    model.will("One", " two", " three", asyncio.Event())
    answer = await begun(heartline)
    await a_while()
    await first(answer, 1)

    await answer.cancel()

    (end,) = await rest(answer)
    assert cast("Finish", end).reason == "cancelled"


async def test_a_client_that_leaves_before_reading_a_word_leaves_a_failed_turn(
    heartline: System, model: ScriptedModel
) -> None:
    model.will("One", asyncio.Event())
    answer = await begun(heartline)

    await answer.cancel()

    assert [failed.code for failed in of_kind(heartline, "tea", TurnFailed)] == ["cancelled"]
    assert of_kind(heartline, "tea", ReplyCompleted) == []


async def test_a_cancel_after_the_end_changes_nothing(heartline: System) -> None:
    answer = await begun(heartline)
    await read(answer)
    before = kinds(events_of(heartline, "tea"))

    await answer.cancel()

    assert kinds(events_of(heartline, "tea")) == before


async def test_a_caller_that_gives_up_before_the_first_word_leaves_a_failed_turn(
    heartline: System, log: PlannedLog, model: ScriptedModel
) -> None:
    model.will(asyncio.Event())
    asking = asyncio.create_task(begun(heartline))
    await until(lambda: log.batches)

    asking.cancel()
    await asyncio.wait([asking])

    assert asking.cancelled()
    assert [failed.code for failed in of_kind(heartline, "tea", TurnFailed)] == ["cancelled"]
    assert await path_texts(heartline, "tea") == ["u Hello"]


async def test_a_reply_is_stored_though_nobody_reads_it(heartline: System) -> None:
    await begun(heartline)

    await heartline.turns.close()

    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there."]


NO_PLANS: tuple[Plan, ...] = ()
CONFLICT: tuple[Plan, ...] = ([VersionConflict("Somebody was first.")],)
FULL: tuple[Plan, ...] = ([Unavailable("The disk is full.")],)


@pytest.mark.parametrize("plans", [NO_PLANS, CONFLICT, FULL], ids=["stored", "conflict", "full"])
@pytest.mark.parametrize("again", [(), (1,), (1, 2)], ids=["once", "twice", "thrice"])
async def test_a_caller_may_give_up_anywhere(
    heartline: System, log: PlannedLog, plans: tuple[Plan, ...], again: tuple[int, ...]
) -> None:
    """Wherever it waits: no turn stays open, and the session is free."""
    place, given_up = 0, True
    while given_up:
        place += 1
        log.will(*plans)
        places = (place, *(place + later for later in again))
        asking = asyncio.create_task(cancelled_at(places, heartline.ask(f"tea {place}", heartline.said("Hello"))))
        await asyncio.wait([asking])
        given_up = asking.cancelled()
        if not given_up:
            assert isinstance(asking.exception(), Unavailable) == (plans == FULL)
        log.will()
        await heartline.turns.close()
        assert not await turn_is_open(heartline, f"tea {place}")
        async with asyncio.timeout(2):
            await heartline.talk(f"tea {place}", "Still there?")
        assert (await path_texts(heartline, f"tea {place}"))[-2:] == ["u Still there?", "a Hello there."]

    assert place > 4


async def test_a_caller_may_give_up_while_the_append_that_fails_is_under_way(
    heartline: System, log: PlannedLog, model: ScriptedModel
) -> None:
    full = asyncio.Event()
    log.will([full, Unavailable("The disk is full.")])
    model.will(asyncio.Event())
    asking = asyncio.create_task(begun(heartline))
    await until(lambda: model.calls)

    asking.cancel()
    await a_while()
    full.set()
    await asyncio.wait([asking])

    assert asking.cancelled()
    assert log.last_position() == 0
    model.will("Hi")
    async with asyncio.timeout(2):
        await heartline.talk("tea", "Hello")
