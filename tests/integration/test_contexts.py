"""What the model is shown of a long session: the window, the summary, the feeling."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from api.chat.request import Address
from domain.budget import Shares
from domain.context import SUMMARY_HEADING
from domain.errors import Unavailable
from domain.events import ContextBuilt, SummaryWritten
from domain.messages import Message
from tests.system import NOON, Rules, read
from tests.tea import JOY, SMALL, Talk, chatter, talk
from tests.turn_fakes import of_kind, system_text, transcript


@pytest.fixture
async def tea(tmp_path: Path) -> AsyncGenerator[Talk, None]:
    """A talk with a small window."""
    async with talk(tmp_path, Rules(shares=SMALL, summarise_after=0)) as made:
        yield made


# -- the window --------------------------------------------------------------------------------------------------------


async def test_the_window_holds_no_more_messages_than_it_may(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(window_messages=3, summarise_after=0)) as tea:
        await tea.bring_in(chatter(100))

        shown = await tea.say("What else?")

    assert shown.part("history") == chatter(100)[-3:]


async def test_the_whole_history_is_shown_where_it_fits(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(shares=Shares(window=100_000))) as tea:
        await tea.bring_in(chatter(150))

        shown = await tea.say("What else?")

    assert shown.part("history") == chatter(150)
    assert {candidate["kind"] for candidate in shown.event.recall["candidates"]} == {"summary"}
    assert shown.part("recall") == []
    assert shown.having("in_window")
    assert shown.event.recall["rest"]["in_window"] == 150


async def test_a_client_is_told_how_much_of_its_transcript_is_left_out(tea: Talk) -> None:
    shown = await tea.ask(*transcript(*chatter(61)))

    assert shown.left_out == 61 - len(shown.window) - 1
    assert shown.left_out > 20


async def test_instructions_stay_beside_the_messages_they_were_sent_with(tea: Talk) -> None:
    first, second, third = transcript("Hello", "Hello there.", "How are you?")
    await tea.ask(system_text("Be kind."), first)

    shown = await tea.ask(
        system_text("Be kind."), first, system_text("It rains."), second, third, system_text("Be short.")
    )

    contents = [message["content"] for message in shown.messages]
    assert contents == ["Be kind.", "Hello", "It rains.", "Hello there.", "How are you?", "Be short."]


async def test_instructions_before_what_is_not_known_wait_for_what_is(tea: Talk) -> None:
    """The head of the transcript is unknown here, and may be lore: it stands where it was sent."""
    said = transcript("Once", "Upon", "Hello", "Hello there.", "How are you?")
    await tea.ask(said[2])

    shown = await tea.ask(*said[:1], system_text("A time."), *said[1:])

    assert [message["content"] for message in shown.messages] == [
        *("Once", "A time.", "Upon"),
        *("Hello", "Hello there.", "How are you?"),
    ]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_the_clients_limit_is_what_is_reserved_for_the_response(tea: Talk, name: str) -> None:
    request = tea.heartline.request(
        Address(external_id="tea", identified_by="path"), [tea.heartline.said("Hello")], parameters={name: 50}
    )

    await read(await tea.heartline.turns.answer(request))

    (event,) = of_kind(tea.heartline, "tea", ContextBuilt)
    assert event.budget["parts"]["response"]["allotted"] == 50


async def test_memories_do_not_part_a_tools_result_from_its_call(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(window_messages=1)) as tea:
        await tea.bring_in(["My cat is called Mimi", "ok"])
        when = NOON.isoformat()
        call = Message(role="assistant", text="", said_at=when, tool_calls=[{"id": "call-1", "type": "function"}])
        result = Message(role="tool", text="Cat: happy, glad, delighted", said_at=when, tool_call_id="call-1")

        shown = await tea.ask(tea.heartline.said("What does the cat say?"), call, result)

    assert [message["role"] for message in shown.messages] == ["assistant", "system", "user", "assistant", "tool"]
    assert "Mimi" in "".join(shown.part("recall"))
    assert "reads as" not in "".join(shown.part("recall"))


async def test_a_message_that_the_views_lack_is_not_left_away_quietly(tea: Talk) -> None:
    await tea.bring_in(chatter(4))
    with tea.heartline.models.views.write() as db:
        db.execute("DELETE FROM messages WHERE version = 3")

    with pytest.raises(Unavailable):
        await tea.say("What else?")

    assert of_kind(tea.heartline, "tea", ContextBuilt) == []


# -- the summary -------------------------------------------------------------------------------------------------------


async def test_a_summary_stands_for_the_history_that_is_cut(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(window_messages=2, summarise_after=4)) as tea:
        await tea.bring_in(["My cat is called Mimi", *chatter(9)])
        (summary,) = of_kind(tea.heartline, "tea", SummaryWritten)

        shown = await tea.say("What else?")

    assert shown.part("summary") == [SUMMARY_HEADING + summary.text]
    assert shown.event.summary == summary.originator_version
    assert summary.originator_version not in shown.having("kept")


async def test_no_summary_stands_beside_a_history_that_is_shown_whole(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(summarise_after=4)) as tea:
        await tea.bring_in(chatter(10))
        assert of_kind(tea.heartline, "tea", SummaryWritten)

        shown = await tea.say("What else?")

    assert (shown.part("summary"), shown.event.summary) == ([], None)


async def test_a_swipe_inside_its_range_takes_the_summary_away(tmp_path: Path) -> None:
    async with talk(tmp_path, Rules(window_messages=2, summarise_after=4)) as tea:
        await tea.bring_in(chatter(10))

        shown = await tea.ask(*transcript(*chatter(5)))

    assert shown.event.summary is None
    assert "summary" not in {candidate["kind"] for candidate in shown.event.recall["candidates"]}


# -- the feeling -------------------------------------------------------------------------------------------------------


async def test_a_sure_feeling_is_told_with_three_moments_of_the_past(tea: Talk) -> None:
    moments = [f"{JOY} on occasion {number}" for number in range(5)]
    await tea.bring_in([*moments, *chatter(55)])

    shown = await tea.say(f"{JOY} today")

    assert shown.having("over_budget")
    paragraph = "".join(shown.part("recall")).rpartition("\nThe last message reads as ")[2]
    assert paragraph.startswith("joy (confidence 100%). Share the joy and build on it. Felt before: one week ago, “")
    assert [number for number in range(5) if f"on occasion {number}”" in paragraph] == [2, 3, 4]
    assert paragraph.index("occasion 4") < paragraph.index("occasion 3") < paragraph.index("occasion 2")


async def test_an_unsure_feeling_is_not_told(tea: Talk) -> None:
    shown = await tea.say("I am happy")

    assert "reads as" not in "".join(shown.part("recall"))


async def test_a_feeling_is_told_without_a_past(tea: Talk) -> None:
    shown = await tea.say(JOY)

    (told,) = shown.part("recall")
    assert told == "\nThe last message reads as joy (confidence 100%). Share the joy and build on it."


async def test_a_moment_is_not_quoted_as_a_memory_too(tea: Talk) -> None:
    moments = [f"{JOY} on occasion {number}" for number in range(5)]
    await tea.bring_in([*moments, *chatter(55)])

    shown = await tea.say(f"{JOY} today")

    texts = "".join(message["content"] for message in shown.messages)
    assert [texts.count(moment) for moment in moments[2:]] == [1, 1, 1]
    assert len(shown.having("duplicate")) == 3


async def test_a_moment_that_the_history_comes_to_show_is_not_told_beside_it(tea: Talk) -> None:
    moments = [f"{JOY} on occasion {number}" for number in range(12)]
    await tea.bring_in([*chatter(30), *moments])

    shown = await tea.say(f"{JOY} today")

    texts = "".join(message["content"] for message in shown.messages)
    assert [texts.count(f"{moment}”") for moment in moments] == [0] * 12
    assert set(moments) <= set(shown.part("history"))
    assert "reads as joy" in texts
