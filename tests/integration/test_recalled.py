"""What is recalled beside the window of a long session, and what is not, with the verdicts that say so."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from api.chat.request import Address
from api.filters import Filters
from domain.budget import Shares
from domain.events import ContextBuilt, ReplyCompleted
from domain.recalled import RECALL_HEADING
from projections.heartline import heartline
from projections.policies import COSINE, HYBRID, Policy
from tests.builders import SessionBuilder
from tests.fakes import MemoryEventLog
from tests.fakes_models import ScriptedModel
from tests.system import OWNER, Outside, Rules, read, system
from tests.tea import SMALL, Talk, chatter, talk
from tests.turn_fakes import of_kind, system_text, transcript


@pytest.fixture
async def tea(tmp_path: Path) -> AsyncGenerator[Talk, None]:
    """A talk with a small window."""
    async with talk(tmp_path, Rules(shares=SMALL, summarise_after=0)) as made:
        yield made


async def test_what_matters_is_recalled_from_beyond_the_window(tea: Talk) -> None:
    await tea.bring_in(["My cat is called Mimi", *chatter(59)])

    shown = await tea.say("What is my cat called?")

    assert shown.having("kept")[0] == 2
    (recalled,) = shown.part("recall")
    assert recalled.startswith(RECALL_HEADING)
    assert "\n- User, one week ago: “My cat is called Mimi”" in recalled
    assert shown.messages[-2]["content"] == recalled


async def test_nothing_in_the_window_is_recalled(tea: Talk) -> None:
    await tea.bring_in(chatter(60))

    shown = await tea.say("Message 58 is about the weather of day 58, what else?")

    assert len(shown.window) > 5
    assert shown.having("kept")
    assert not shown.window & {*shown.having("kept"), *shown.having("below_cut"), *shown.having("duplicate")}


async def test_nothing_off_the_path_is_recalled(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(window_messages=1)) as tea:
        said = transcript("Hello", "Hello there.", "What is my cat called?")
        await tea.ask(said[0])
        tea.model.will("Your cat is called Mimi.")
        await tea.ask(*said)
        tea.model.will("Your cat is called Tom.")
        await tea.ask(*said)
        gone, kept = [reply.originator_version for reply in of_kind(tea.heartline, "tea", ReplyCompleted)][1:]
        await tea.say("Nice")

        shown = await tea.say("And my cat is called?")

    versions = {candidate["version"] for candidate in shown.event.recall["candidates"]}
    assert kept in versions
    assert gone not in versions


async def test_what_a_request_swipes_away_is_not_recalled_in_it(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(window_messages=0)) as tea:
        said = transcript("Hello", "Hello there.", "What is my cat called?")
        await tea.ask(said[0])
        await tea.ask(*said)
        gone = of_kind(tea.heartline, "tea", ReplyCompleted)[-1].originator_version

        shown = await tea.ask(*said)

    assert gone not in {candidate["version"] for candidate in shown.event.recall["candidates"]}


async def test_a_request_may_narrow_what_is_recalled_for_it(tea: Talk) -> None:
    await tea.bring_in(["My cat is called Mimi", "Your cat is called Mimi", *chatter(58)])
    asked = tea.heartline.request(Address(external_id="tea"), [tea.heartline.said("What is my cat called?")])

    answer = await tea.heartline.turns.answer(replace(asked, filters=Filters.read({"role": "assistant"})))
    await read(answer)

    recall = of_kind(tea.heartline, "tea", ContextBuilt)[-1].recall
    verdicts = {one["version"]: one["verdict"] for one in recall["candidates"]}
    assert (verdicts[2], verdicts[3]) == ("filtered", "kept")


@pytest.mark.parametrize("policy", [COSINE, HYBRID, heartline()], ids=["cosine", "hybrid", "heartline"])
async def test_the_verdicts_add_up_to_all_that_is_in_view(tmp_path: Path, policy: Policy) -> None:
    async with talk(tmp_path, Rules(shares=SMALL, summarise_after=0, policy=policy)) as tea:
        await tea.bring_in(chatter(150))

        shown = await tea.say("How was the weather of day 7?")

    recall = shown.event.recall
    assert len(recall["candidates"]) + sum(recall["rest"].values()) == 150
    assert 0 < len(shown.having("kept")) <= policy.top_k
    assert recall["cut"] == min(c["score"] for c in recall["candidates"] if c["verdict"] == "kept")
    assert [candidate["rank"] for candidate in recall["candidates"]] == list(range(1, len(recall["candidates"]) + 1))
    for candidate in recall["candidates"]:
        assert candidate["score"] == pytest.approx(sum(candidate["parts"].values()), abs=1e-4)


async def test_what_the_window_says_already_is_not_quoted_too(tea: Talk) -> None:
    await tea.bring_in(["My cat is called Mimi", *chatter(57), "ok", "My  cat is called MIMI"])

    shown = await tea.say("What is my cat called?")

    assert 2 in shown.having("duplicate")


async def test_what_is_said_twice_is_quoted_once(tea: Talk) -> None:
    await tea.bring_in(["My cat is called Mimi", "ok", "My cat is called Mimi", *chatter(57)])

    shown = await tea.say("What is my cat called?")

    assert "".join(shown.part("recall")).count("Mimi") == 1
    assert len({2, 4} & set(shown.having("duplicate"))) == 1


async def test_what_has_no_room_is_over_budget(tea: Talk) -> None:
    await tea.bring_in(["My cat is called Mimi " * 40, *chatter(59)])

    shown = await tea.say("What is my cat called?")

    assert 2 in shown.having("over_budget")


async def test_a_memory_that_the_widened_window_shows_is_in_the_window(tmp_path: Path) -> None:
    shares = Shares(window=200, persona=5, recall=60, history=10, response=25)
    async with talk(tmp_path, Rules(shares=shares, summarise_after=0)) as tea:
        await tea.bring_in(["Nothing much", "Really?", "My cat is called Mimi", "A good name", "Fine", "Yes"])

        shown = await tea.say("What is my cat called?")

    assert 4 in shown.window
    assert 4 in shown.having("in_window")
    assert "My cat is called Mimi" not in "".join(shown.part("recall"))


async def test_a_persona_that_went_away_is_recalled_as_former_instructions(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(window_messages=0)) as tea:
        await tea.ask(system_text("Maya keeps a red boat."), tea.heartline.said("Hello"))
        await tea.heartline.look_after("tea")

        shown = await tea.ask(system_text("Be kind."), tea.heartline.said("Who keeps the red boat?"))

    candidate = next(one for one in shown.event.recall["candidates"] if one["kind"] == "persona")
    assert (candidate["verdict"], candidate.get("start"), candidate.get("end")) == ("kept", 0, 22)
    assert "- Former instructions, earlier: “Maya keeps a red boat.”" in "".join(shown.part("recall"))


async def test_a_memory_below_the_threshold_is_not_recalled(tmp_path: Path) -> None:
    policy = replace(HYBRID, threshold=2.0)
    async with talk(tmp_path, Rules(shares=SMALL, summarise_after=0, policy=policy)) as tea:
        await tea.bring_in(chatter(60))

        shown = await tea.say("What is my cat called?")

    assert shown.having("kept") == []
    assert shown.event.recall["cut"] is None
    assert shown.part("recall") == []


async def test_what_the_parent_forgot_meanwhile_is_not_recalled(tmp_path: Path) -> None:
    log, model = MemoryEventLog(), ScriptedModel()
    parent = SessionBuilder("parent", owner=OWNER)
    forgotten = parent.say("My cat is called Mimi")
    for number in range(200):  # so many that the first turn has not read it
        parent.reply(f"Rain on day {number}")
    child = parent.fork("tea")
    await parent.store(log)
    await child.store(log)
    rules = Rules(window_messages=0, policy=replace(HYBRID, top_k=1))
    async with system(tmp_path, outside=Outside(log=log, model=model), rules=rules) as heartline:
        tea = Talk(heartline, model)
        await tea.say("Rain?")
        parent.forget(forgotten)
        await parent.store(log)

        shown = await tea.say("What is my cat called now?")

    assert forgotten not in shown.having("kept")
    assert not any("Mimi" in message["content"] for message in model.calls[-1].messages)
