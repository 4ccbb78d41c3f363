"""When a summary is due, what it covers, who writes it, and that it is dropped when its messages left the path."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, cast

import pytest

from api.adapters.offline import OfflineModel
from api.aftercare.summariser import PROMPT, PROVISIONAL
from api.ports import ChatModel, ModelFailed
from domain.events import EmotionDetected, SummaryWritten
from domain.path import Range, digest
from domain.records import FinishReason, Usage
from domain.session import session_id
from tests.fakes import MemoryEventLog
from tests.fakes_models import Script, ScriptedModel, WordTokens, usage
from tests.system import OWNER, Outside, Rules, System, read, system
from tests.turn_fakes import Upstream, a_while, of_kind, transcript, until

TEA = session_id(OWNER, "tea")
EXTRACT = "extractive:1"


def talking(
    directory: Path, model: ChatModel, after: int = 4, seconds: float = 60
) -> AbstractAsyncContextManager[System]:
    rules = Rules(summarise_after=after, summary_seconds=seconds)
    return system(directory, outside=Outside(log=MemoryEventLog(), model=model), rules=rules)


def texts(count: int) -> list[str]:
    return [f"Message {number}" for number in range(count)]


async def bring_in(heartline: System, said: Sequence[str]) -> None:
    messages = [{"role": message.role, "text": message.text} for message in transcript(*said)]
    await heartline.archive.import_(OWNER, {"messages": messages}, "tea")


def summaries(heartline: System) -> list[SummaryWritten]:
    return of_kind(heartline, "tea", SummaryWritten)


# -- when and of what --------------------------------------------------------------------------------------------------


async def test_a_summary_is_due_when_enough_messages_stand_behind_the_last_exchange(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModel()) as heartline:
        await bring_in(heartline, texts(4 + PROVISIONAL - 1))
        await heartline.look_after("tea")
        assert summaries(heartline) == []

        await heartline.talk("tea", "One more")
        await heartline.look_after("tea")

    (summary,) = summaries(heartline)
    assert (summary.covers, summary.digest, summary.previous) == ([[2, 6]], digest(range(2, 7)), None)


async def test_each_summary_continues_the_one_in_view(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModel()) as heartline:
        await bring_in(heartline, ["My cat is called Mimi.", *texts(5)])
        await heartline.look_after("tea")
        await heartline.talk("tea", "Yes", "No")
        await heartline.look_after("tea")

    first, second = summaries(heartline)
    assert second.previous == first.originator_version
    assert covered(second.covers)[: len(covered(first.covers))] == covered(first.covers)
    assert "My cat is called Mimi." in second.text


def covered(ranges: list[Range]) -> list[int]:
    return [version for first, last in ranges for version in range(first, last + 1)]


async def test_no_summary_is_written_twice(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModel()) as heartline:
        await bring_in(heartline, texts(8))
        await heartline.look_after("tea")
        await heartline.look_after("tea")

        assert len(summaries(heartline)) == 1


async def test_summaries_can_be_switched_off(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModel(), after=0) as heartline:
        await bring_in(heartline, texts(50))
        await heartline.look_after("tea")

        assert summaries(heartline) == []


# -- who writes --------------------------------------------------------------------------------------------------------


async def test_without_a_model_it_is_an_extract_that_cites_its_messages(tmp_path: Path) -> None:
    async with talking(tmp_path, OfflineModel(tokens=WordTokens())) as heartline:
        await bring_in(heartline, ["My cat is called Mimi.", *texts(7)])
        await heartline.look_after("tea")

    (summary,) = summaries(heartline)
    assert summary.model == EXTRACT
    assert summary.text.splitlines()[0] == "User: My cat is called Mimi."
    assert len(summary.cites) == len(summary.text.splitlines())
    assert set(summary.cites) <= set(covered(summary.covers))


async def test_what_moved_most_is_weighed_though_it_was_only_just_read(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModel()) as heartline:
        dull = [f"It was {'a day like any other ' * 4}number {number}." for number in range(30)]
        await bring_in(heartline, [*dull, "I love, love, love the sea!", *texts(3)])
        await heartline.look_after("tea")

    assert len(of_kind(heartline, "tea", EmotionDetected)) == 34
    assert "User: I love, love, love the sea!" in summaries(heartline)[0].text.splitlines()


async def test_a_model_continues_the_previous_summary(tmp_path: Path) -> None:
    model = ScriptedModel()
    async with talking(tmp_path, Upstream(model)) as heartline:
        await bring_in(heartline, texts(6))
        model.will(" They met", " and talked.\n")
        await heartline.look_after("tea")
        await heartline.talk("tea", "Yes", "No")
        model.will("They talked on.")
        await heartline.look_after("tea")

    first, second = summaries(heartline)
    assert (first.text, first.model, first.cites) == ("They met and talked.", "scripted", [])
    assert (second.text, second.previous) == ("They talked on.", first.originator_version)
    assert [message["content"] for message in model.calls[0].messages] == [
        PROMPT,
        "Summary so far:\n(none yet)\n\nMessages:\n"
        "User: Message 0\nAssistant: Message 1\nUser: Message 2\nAssistant: Message 3",
    ]
    assert (
        "Summary so far:\nThey met and talked.\n\nMessages:\nUser: Message 4" in model.calls[-1].messages[1]["content"]
    )


async def test_an_extract_takes_the_place_of_a_model_that_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    model = ScriptedModel()
    model.will("They", ModelFailed("Too many.", code="rate_limit_exceeded", status=429))
    async with talking(tmp_path, Upstream(model)) as heartline:
        await bring_in(heartline, texts(6))
        await heartline.look_after("tea")

    assert [summary.model for summary in summaries(heartline)] == [EXTRACT]
    assert "the model wrote no summary (rate_limit_exceeded): an extract takes its place" in caplog.messages


@pytest.mark.parametrize(
    ("said", "reason"), [(" \n", "stop"), ("They met and", "length"), ("They met and", "content_filter")]
)
async def test_an_extract_takes_the_place_of_an_empty_or_cut_summary(
    tmp_path: Path, said: str, reason: FinishReason
) -> None:
    model = ScriptedModel()
    model.will(said, reason=reason)
    async with talking(tmp_path, Upstream(model)) as heartline:
        await bring_in(heartline, texts(6))
        await heartline.look_after("tea")

    assert [summary.model for summary in summaries(heartline)] == [EXTRACT]


async def test_an_extract_takes_the_place_of_a_summary_that_does_not_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    model = ScriptedModel()
    model.will("They", asyncio.Event())
    async with talking(tmp_path, Upstream(model), seconds=0.1) as heartline:
        await bring_in(heartline, texts(6))
        await heartline.look_after("tea")

    assert [summary.model for summary in summaries(heartline)] == [EXTRACT]
    assert model.calls[0].ended.is_set()
    assert "the model wrote no summary (timeout): an extract takes its place" in caplog.messages


# -- meanwhile ---------------------------------------------------------------------------------------------------------


async def test_a_turn_does_not_wait_for_a_summary(tmp_path: Path) -> None:
    model = ScriptedModel()
    async with talking(tmp_path, Upstream(model)) as heartline:
        await bring_in(heartline, texts(6))
        written = asyncio.Event()
        model.will(written, "They met.")
        looking = asyncio.create_task(heartline.look_after("tea"))
        await until(lambda: model.calls)
        model.will("Hi")

        await heartline.talk("tea", "Hello")

        assert summaries(heartline) == []
        written.set()
        await looking
        assert [summary.text for summary in summaries(heartline)] == ["They met."]


async def test_a_summary_whose_messages_left_the_path_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model = ScriptedModel()
    async with talking(tmp_path, Upstream(model)) as heartline:
        await bring_in(heartline, texts(7))
        written = asyncio.Event()
        model.will(written, "They met.")
        looking = asyncio.create_task(heartline.look_after("tea"))
        await until(lambda: model.calls)
        model.will("Hi")
        await read(await heartline.ask("tea", *transcript(*texts(3))))

        written.set()
        await looking
        await a_while()

        assert summaries(heartline) == []
    assert "summary dropped: its messages left the path" in caplog.messages


async def test_a_summary_that_no_longer_fits_says_that_it_was_not_written(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModel()) as heartline:
        await bring_in(heartline, texts(3))

        await heartline.look_after("tea")

        assert (await heartline.log.load(TEA)).version == 1 + 3 + 3


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "input_tokens", "estimated"),
    [(usage(input_tokens=900), 900, False), (None, len(PROMPT.split()) + 18, True)],
)
async def test_what_a_model_took_to_write_it_counts_in_the_sessions_usage(
    tmp_path: Path, told: Usage | None, input_tokens: int, estimated: bool
) -> None:
    model = ScriptedModel(Script(steps=("They met", " and talked."), usage=told), models=["gemini-3.5-flash-lite"])
    async with talking(tmp_path, Upstream(model)) as heartline:
        await bring_in(heartline, texts(6))
        await heartline.look_after("tea")
        await heartline.follower.caught_up()
        state = cast("dict[str, Any]", await heartline.sessions.state(OWNER, "tea", at=None))
        (day,) = cast("list[dict[str, Any]]", (await heartline.sessions.usage(OWNER, days=366))["data"])

    (written,) = summaries(heartline)
    assert written.usage is not None
    assert (written.usage["input_tokens"], written.usage["estimated"]) == (input_tokens, estimated)
    assert (state["usage"]["input_tokens"], state["usage"]["output_tokens"]) == (
        input_tokens,
        written.usage["output_tokens"],
    )
    assert state["usage"]["estimated_cost_usd"] > 0
    assert (day["replies"], day["input_tokens"]) == (0, input_tokens)


async def test_an_extract_costs_nothing(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModel()) as heartline:
        await bring_in(heartline, texts(6))
        await heartline.look_after("tea")

    (written,) = summaries(heartline)
    assert written.usage is None
