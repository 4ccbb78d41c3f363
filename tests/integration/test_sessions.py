"""What is read of sessions over real files: lists, state and read models, as of any version."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from api.services import Page
from domain.errors import InvalidRequest, NotFound
from domain.messages import Instruction
from tests.fakes_models import Script, ScriptedModel, usage
from tests.harbour import HARBOUR, bring_in, data, state, versions
from tests.system import OWNER, Outside, Rules, System, read, system

PERSONA = Instruction(role="system", text="You are Maya, a friend of few words.")


@pytest.fixture
async def heartline(tmp_path: Path) -> AsyncGenerator[System, None]:
    async with system(tmp_path) as built:
        await bring_in(built)
        yield built


# -- lists -------------------------------------------------------------------------------------------------------------


async def test_sessions_are_listed_with_the_latest_first_and_only_to_their_owner(heartline: System) -> None:
    await heartline.talk("tea", "I am so happy, happy, happy today!")
    await heartline.talk("theirs", "Hello", owner="somebody")

    listed = await heartline.sessions.list(OWNER, limit=10, after=None)

    assert (listed["object"], listed["has_more"]) == ("list", False)
    assert [row["id"] for row in data(listed)] == ["tea", "harbour"]
    assert data(listed)[0] == {
        "id": "tea",
        "title": "I am so happy, happy, happy today!",
        "messages": 2,
        "version": 6,
        "created": data(listed)[0]["created"],
        "last_activity": data(listed)[0]["last_activity"],
        "dominant_emotion": "joy",
        "lineage": {"parent": None, "at": None},
    }


async def test_a_list_goes_on_behind_the_last_session_seen(heartline: System) -> None:
    await heartline.talk("tea", "Hello")

    first = await heartline.sessions.list(OWNER, limit=1, after=None)
    second = await heartline.sessions.list(OWNER, limit=1, after="tea")

    assert (data(first)[0]["id"], first["has_more"]) == ("tea", True)
    assert (data(second)[0]["id"], second["has_more"]) == ("harbour", False)


@pytest.mark.parametrize(
    ("search", "found"), [("HARB", ["harbour"]), ("moved to oslo", ["harbour"]), ("ea", ["tea"]), ("100%", list[str]())]
)
async def test_a_list_can_be_of_what_an_id_or_title_holds(heartline: System, search: str, found: list[str]) -> None:
    await heartline.talk("tea", "Hello")

    listed = await heartline.sessions.list(OWNER, limit=10, search=search)

    assert [row["id"] for row in data(listed)] == found


async def test_a_list_does_not_go_on_behind_a_session_that_is_not_there(heartline: System) -> None:
    with pytest.raises(InvalidRequest):
        await heartline.sessions.list(OWNER, limit=1, after="nothing")


# -- state -------------------------------------------------------------------------------------------------------------


async def test_the_state_tells_what_a_session_is(heartline: System) -> None:
    found = await state(heartline)

    assert found["id"] == "harbour"
    assert found["version"] == 25
    assert found["title"] == "I finally moved to Oslo, into a flat by the harbour."
    assert found["messages"] == 12
    assert versions(found["working_memory"]) == list(range(2, 14))
    assert found["persona"] is None
    assert found["summary"] is None
    assert found["lineage"] == {"parent": None, "at": None, "forks": []}
    assert found["usage"]["estimated_cost_usd"] == 0.0


async def test_the_state_as_of_a_version_is_the_state_that_was(heartline: System) -> None:
    before = await state(heartline)
    await heartline.talk("harbour", "I hate this, I am furious, angry and mad!")

    then = await state(heartline, at=before["version"])
    now = await state(heartline)

    assert then == before
    assert now["emotion"]["dominant"] == "anger"
    assert now["emotion"]["valence"] < 0 < now["emotion"]["intensity"] <= 1
    assert now["messages"] == 14


async def test_the_first_version_has_no_title_and_no_messages_yet(heartline: System) -> None:
    found = await state(heartline, at=1)

    assert (found["title"], found["messages"], found["emotion"]) == (None, 0, None)


async def test_a_strong_feeling_of_the_user_turns_the_mood(heartline: System) -> None:
    assert (await state(heartline, at=24))["emotion"]["dominant"] == "neutral"

    await heartline.talk("harbour", "I am so happy and glad!")

    assert (await state(heartline))["emotion"]["dominant"] == "joy"


async def test_the_persona_is_the_one_that_the_newest_context_showed(heartline: System) -> None:
    await read(await heartline.ask("tea", PERSONA, heartline.said("Hello")))

    found = await state(heartline, "tea")

    assert found["persona"] == {"version": 3, "text": PERSONA.text}


async def test_usage_of_a_model_without_a_price_has_no_cost(heartline: System) -> None:
    await heartline.talk("tea", "Hello", "And again")

    usage = (await state(heartline, "tea"))["usage"]

    assert (usage["input_tokens"], usage["output_tokens"], usage["estimated_cost_usd"]) == (14, 10, None)


async def test_usage_by_day_is_the_owners_alone(heartline: System) -> None:
    await heartline.talk("tea", "Hello", "Hello again")
    await heartline.talk("theirs", "Hello", owner="somebody")

    (day,) = data(await heartline.sessions.usage(OWNER, days=366))

    assert (day["replies"], day.keys() >= {"date", "input_tokens", "estimated_cost_usd"}) == (2, True)
    assert data(await heartline.sessions.usage("nobody", days=366)) == []


async def test_the_offline_model_costs_nothing(tmp_path: Path) -> None:
    outside = Outside(model=ScriptedModel(models=["heartline-offline"]))
    async with system(tmp_path, outside=outside) as heartline:
        await heartline.talk("tea", "Hello")

        assert (await state(heartline, "tea"))["usage"]["estimated_cost_usd"] == 0.0


async def test_what_the_provider_had_cached_costs_less(tmp_path: Path) -> None:
    counts = usage(input_tokens=1_000_000, output_tokens=200_000)
    counts["cached_tokens"] = 400_000
    model = ScriptedModel(Script(usage=counts), models=["gemini-3.5-flash-lite"])
    async with system(tmp_path, outside=Outside(model=model)) as heartline:
        await heartline.talk("tea", "Hello")

        cost = (await state(heartline, "tea"))["usage"]["estimated_cost_usd"]

    assert cost == pytest.approx(0.6 * 0.3 + 0.4 * 0.03 + 0.2 * 2.5)


@pytest.mark.parametrize("at", [-1, 0, 26])
async def test_a_version_that_the_session_has_not_is_a_wrong_request_that_names_the_head(
    heartline: System, at: int
) -> None:
    with pytest.raises(InvalidRequest, match="1 to 25"):
        await state(heartline, at=at)


async def test_an_unknown_session_and_another_owners_are_not_found(heartline: System) -> None:
    with pytest.raises(NotFound):
        await state(heartline, "nothing")
    with pytest.raises(NotFound):
        await heartline.sessions.state("somebody", "harbour", at=None)


# -- what is in it -----------------------------------------------------------------------------------------------------


async def test_messages_keep_who_said_them_and_when(heartline: System) -> None:
    found = data(await heartline.sessions.messages(OWNER, "harbour", at=None, page=Page(limit=1)))

    assert found == [
        {
            "version": 2,
            "role": "user",
            "name": "Robin",
            "text": "I finally moved to Oslo, into a flat by the harbour.",
            "turn_id": None,
            "created": "2025-03-01T17:00:00+00:00",
            "origin": "imported",
            "edited": False,
            "replaces": None,
            "emotion": {"dominant": "neutral", "confidence": 1.0, "valence": 0.0},
            "importance": 0.55,
        }
    ]


async def test_messages_are_paged_from_the_root_on(heartline: System) -> None:
    first = await heartline.sessions.messages(OWNER, "harbour", at=None, page=Page(limit=5))
    rest = await heartline.sessions.messages(OWNER, "harbour", at=None, page=Page(limit=50, after=6))

    assert (versions(data(first)), first["has_more"]) == ([2, 3, 4, 5, 6], True)
    assert (versions(data(rest)), rest["has_more"]) == (list(range(7, 14)), False)


async def test_messages_are_read_from_any_place_on_with_what_was_read_in_them(heartline: System) -> None:
    page = await heartline.sessions.messages(OWNER, "harbour", at=None, page=Page(limit=2, offset=5))
    behind = await heartline.sessions.messages(OWNER, "harbour", at=None, page=Page(limit=1, offset=2, after=4))
    found = data(page)
    before = data(await heartline.sessions.messages(OWNER, "harbour", at=8, page=Page(limit=1, offset=5)))

    assert (versions(found), page["offset"]) == ([7, 8], 5)
    assert (versions(data(behind)), behind["offset"]) == ([7], 5)
    assert found[0]["emotion"].keys() == {"dominant", "confidence", "valence"}
    assert 0.5 <= found[0]["importance"] <= 1
    assert (before[0]["emotion"], before[0]["importance"]) == (None, None)


async def test_messages_as_of_a_version_end_there(heartline: System) -> None:
    found = await heartline.sessions.messages(OWNER, "harbour", at=4, page=Page(limit=50))

    assert versions(data(found)) == [2, 3, 4]


async def test_messages_do_not_go_on_behind_one_that_is_not_in_view(heartline: System) -> None:
    with pytest.raises(InvalidRequest, match="Message 99"):
        await heartline.sessions.messages(OWNER, "harbour", at=None, page=Page(limit=5, after=99))


async def test_a_reply_names_its_turn(heartline: System) -> None:
    (turn,) = await heartline.talk("tea", "Hello")

    *_, reply = data(await heartline.sessions.messages(OWNER, "tea", at=None, page=Page(limit=50)))

    assert (reply["turn_id"], reply["origin"], reply["role"]) == (turn, "model", "assistant")


async def test_events_come_in_order_with_version_and_position(heartline: System) -> None:
    page = await heartline.sessions.events(OWNER, "harbour", after=1, limit=2)

    assert page["has_more"] is True
    assert [(one["version"], one["position"], one["type"]) for one in data(page)] == [
        (2, 2, "session.message-received"),
        (3, 3, "session.message-received"),
    ]
    assert data(page)[0]["data"]["text"] == "I finally moved to Oslo, into a flat by the harbour."
    assert "originator_id" not in data(page)[0]["data"]


async def test_the_last_page_of_events_has_no_more(heartline: System) -> None:
    page = await heartline.sessions.events(OWNER, "harbour", after=23, limit=2)

    assert (versions(data(page)), page["has_more"]) == ([24, 25], False)


async def test_emotions_are_those_of_the_messages_in_view(heartline: System) -> None:
    found = data(await heartline.sessions.emotions(OWNER, "harbour", at=None))

    sad = found[4]
    assert [one["of"] for one in found] == list(range(2, 14))
    assert (sad["of"], sad["dominant"], sad["role"], sad["created"]) == (
        6,
        "sadness",
        "user",
        "2025-04-02T09:15:00+00:00",
    )
    assert sad["valence"] < 0 < sad["intensity"]
    assert sum(sad["importance_parts"].values()) == pytest.approx(sad["importance"], abs=1e-4)


async def test_emotions_are_not_there_before_they_were_read(heartline: System) -> None:
    assert data(await heartline.sessions.emotions(OWNER, "harbour", at=13)) == []


async def test_a_summary_is_listed_and_shown_in_the_state_from_its_version_on(tmp_path: Path) -> None:
    async with system(tmp_path, rules=Rules(summarise_after=8)) as heartline:
        await bring_in(heartline)

        (summary,) = data(await heartline.sessions.summaries(OWNER, "harbour", at=None))
        before = await state(heartline, at=summary["version"] - 1)

        assert summary["in_view"] is True
        assert summary["count"] == 10
        assert (await state(heartline))["summary"] == summary["text"]
        assert before["summary"] is None


# -- forks -------------------------------------------------------------------------------------------------------------


async def test_a_fork_tells_its_parent_and_shows_its_ancestors_events(heartline: System) -> None:
    parent = await heartline.log.load(HARBOUR, 13)
    fork = parent.fork("harbour-2")
    await heartline.log.append(fork.id, 13, fork.collect())

    found = await state(heartline, "harbour-2")
    page = data(await heartline.sessions.events(OWNER, "harbour-2", after=11, limit=50))

    assert found["lineage"] == {"parent": "harbour", "at": 13, "forks": []}
    assert (await state(heartline, "harbour-2", at=13))["lineage"] == {"parent": None, "at": None, "forks": []}
    assert (await state(heartline))["lineage"]["forks"] == [{"id": "harbour-2", "at": 13}]
    assert (await state(heartline, at=12))["lineage"]["forks"] == []
    assert [(one["version"], one["type"]) for one in page] == [
        (12, "session.message-received"),
        (13, "session.message-received"),
        (14, "session.forked"),
    ]
