"""Sessions led elsewhere: rewound, forked, compared, given a memory; over real files."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from api.services import Page, RecallQuestion
from domain.errors import Conflict, InvalidRequest, NotFound, TurnAlreadyOpen
from domain.events import SessionForked
from domain.session import session_id
from tests.builders import SessionBuilder
from tests.fakes_models import ScriptedModel
from tests.system import OWNER, Outside, Rules, System, read, system
from tests.turn_fakes import FlakyEncoder


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[System, None]:
    async with system(tmp_path, outside=Outside(model=model), rules=Rules(sessions=5)) as built:
        await built.talk("tea", "The kettle sings.", "The cat sleeps.", "The marmalade is hidden.")
        yield built


async def texts(heartline: System, session: str, at: int | None = None) -> list[str]:
    listed = await heartline.sessions.messages(OWNER, session, at=at, page=Page(limit=1000))
    return [one["text"] for one in cast("list[dict[str, Any]]", listed["data"]) if one["role"] == "user"]


async def version(heartline: System, session: str = "tea") -> int:
    return cast("int", (await heartline.sessions.state(OWNER, session, at=None))["version"])


async def recalled(heartline: System, session: str, query: str) -> list[dict[str, Any]]:
    question = RecallQuestion(query=query, k=100, at=None, filters={})
    return cast("list[dict[str, Any]]", (await heartline.sessions.recall(OWNER, session, question))["data"])


async def said(heartline: System, session: str, at: int | None = None) -> list[int]:
    listed = await heartline.sessions.messages(OWNER, session, at=at, page=Page(limit=1000))
    return [one["version"] for one in cast("list[dict[str, Any]]", listed["data"])]


async def siblings(heartline: System, session: str, at: int | None = None) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", (await heartline.sessions.siblings(OWNER, session, at=at))["data"])


async def message(heartline: System, text: str, session: str = "tea") -> int:
    listed = await heartline.sessions.messages(OWNER, session, at=None, page=Page(limit=1000))
    rows = cast("list[dict[str, Any]]", listed["data"])
    return next(row["version"] for row in rows if row["text"] == text)


# -- rewind ------------------------------------------------------------------------------------------------------------


async def test_a_rewind_hides_what_was_said_later_and_loses_nothing(heartline: System) -> None:
    middle, head = await message(heartline, "The cat sleeps.") - 1, await version(heartline)

    made = await heartline.branches.rewind(OWNER, "tea", to=middle)

    assert made == {"session_id": "tea", "version": head + 2, "path_length": 2}
    assert await texts(heartline, "tea") == ["The kettle sings."]
    assert not [one for one in await recalled(heartline, "tea", "marmalade cat") if "marmalade" in one["text"]]
    assert await texts(heartline, "tea", at=head) == [
        "The kettle sings.",
        "The cat sleeps.",
        "The marmalade is hidden.",
    ]


async def test_what_a_rewind_hides_is_told_with_where_it_stood(heartline: System) -> None:
    middle, head = await message(heartline, "The cat sleeps.") - 1, await version(heartline)
    (_, last) = await said(heartline, "tea", at=middle)
    later = await said(heartline, "tea")
    await heartline.branches.rewind(OWNER, "tea", to=middle)
    await heartline.branches.fork(OWNER, "tea", at=None, name="branch")

    for session in ("tea", "branch"):
        found = await siblings(heartline, session)
        assert [one["version"] for one in found] == later[2:]
        assert {(one["after"], one["left"]) for one in found} == {(last, head + 2)}
    assert await siblings(heartline, "tea", at=head) == []
    assert await siblings(heartline, "branch", at=head) == []


async def test_a_rewind_can_be_taken_back_by_another(heartline: System) -> None:
    head, before = await version(heartline), await texts(heartline, "tea")
    await heartline.branches.rewind(OWNER, "tea", to=1)

    await heartline.branches.rewind(OWNER, "tea", to=head)

    assert await texts(heartline, "tea") == before


async def test_what_is_said_after_a_rewind_follows_on_what_was_said_before_it(
    heartline: System, model: ScriptedModel
) -> None:
    await heartline.branches.rewind(OWNER, "tea", to=await message(heartline, "The cat sleeps.") - 1)

    await heartline.talk("tea", "Where is the marmalade?")

    shown = " ".join(sent["content"] for sent in model.calls[-1].messages)
    assert "The kettle sings." in shown
    assert "hidden" not in shown


async def test_a_fork_can_be_rewound_into_its_parents_time(heartline: System) -> None:
    middle = await message(heartline, "The cat sleeps.") - 1
    await heartline.branches.fork(OWNER, "tea", at=None, name="branch")
    await heartline.talk("branch", "Elsewhere.")

    made = await heartline.branches.rewind(OWNER, "branch", to=middle)

    assert made["path_length"] == 2
    assert await texts(heartline, "branch") == ["The kettle sings."]
    assert len(await texts(heartline, "tea")) == 3


@pytest.mark.parametrize("to", [0, -1, 10_000])
async def test_a_version_that_there_is_not_changes_nothing(heartline: System, to: int) -> None:
    head = await version(heartline)

    with pytest.raises(InvalidRequest, match=f"versions 1 to {head}") as refused:
        await heartline.branches.rewind(OWNER, "tea", to=to)
    with pytest.raises(InvalidRequest):
        await heartline.branches.fork(OWNER, "tea", at=to, name="branch")
    with pytest.raises(InvalidRequest):
        await heartline.branches.carry(OWNER, "tea", source="tea", version=to)

    assert refused.value.param == "to"
    assert await version(heartline) == head
    with pytest.raises(NotFound):
        await version(heartline, "branch")


async def test_a_session_that_is_answering_is_not_rewound(heartline: System, model: ScriptedModel) -> None:
    gate = asyncio.Event()
    model.will("Wait", gate, " for it.")
    answer = await heartline.ask("tea", heartline.said("And then?"))
    reading = asyncio.create_task(read(answer))

    with pytest.raises(TurnAlreadyOpen):
        await heartline.branches.rewind(OWNER, "tea", to=1)

    gate.set()
    assert await reading == "Wait for it."
    assert (await texts(heartline, "tea"))[-1] == "And then?"


async def test_a_turn_whose_process_died_does_not_stand_in_the_way(heartline: System) -> None:
    left = SessionBuilder("left")
    said = left.say("Hello")
    turn = left.open_turn()
    await left.store(heartline.log)

    made = await heartline.branches.rewind(OWNER, "left", to=said)

    assert made["path_length"] == 1
    assert (await heartline.sessions.turn(OWNER, "left", turn, at=None))["status"] == "failed"


async def test_what_was_forgotten_does_not_come_back(heartline: System) -> None:
    diary = SessionBuilder("diary")
    diary.say("Good morning")
    secret = diary.say("The secret")
    before = diary.version
    diary.forget(secret)
    await diary.store(heartline.log)

    made = await heartline.branches.rewind(OWNER, "diary", to=before)
    await heartline.branches.fork(OWNER, "diary", at=before, name="copy")

    assert made["path_length"] == 1
    assert await texts(heartline, "diary") == await texts(heartline, "copy") == ["Good morning"]


async def test_what_was_carried_into_a_time_that_was_left_is_not_recalled(heartline: System) -> None:
    await heartline.talk("milk", "Good evening.")
    source, before = await message(heartline, "The marmalade is hidden."), await version(heartline, "milk")
    await heartline.branches.carry(OWNER, "milk", source="tea", version=source)
    carried = await version(heartline, "milk")

    await heartline.branches.rewind(OWNER, "milk", to=before)
    without = await recalled(heartline, "milk", "marmalade")
    await heartline.branches.rewind(OWNER, "milk", to=carried)

    assert "carried" not in [one["kind"] for one in without]
    assert "carried" in [one["kind"] for one in await recalled(heartline, "milk", "marmalade")]


# -- fork --------------------------------------------------------------------------------------------------------------


async def test_a_fork_is_one_event_and_goes_on_alone(heartline: System) -> None:
    middle = await message(heartline, "The cat sleeps.") - 1

    made = await heartline.branches.fork(OWNER, "tea", at=middle, name="branch")
    await heartline.talk("branch", "The dog barks.")

    assert made == {"session_id": "branch", "parent": "tea", "at": middle}
    first, *_ = heartline.log.read_session(session_id(OWNER, "branch"), 0, 1)
    assert isinstance(first.event, SessionForked)
    assert first.event.originator_version == middle + 1
    assert await texts(heartline, "branch") == ["The kettle sings.", "The dog barks."]
    assert len(await texts(heartline, "tea")) == 3


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_fork_is_as_the_session_was(heartline: System, steps: int) -> None:
    await heartline.branches.rewind(OWNER, "tea", to=await message(heartline, "The cat sleeps."))
    await heartline.talk("tea", "Another way.")
    for at in range(1, await version(heartline) + 1, steps):
        loaded = await heartline.log.load(session_id(OWNER, "tea"), at)
        fresh = await heartline.log.load(session_id(OWNER, "tea"))

        fresh.go_back(at, loaded.path)

        left, right = vars(loaded.fork("x").collect()[0]), vars(fresh.fork("x").collect()[0])
        assert {**left, "timestamp": None} == {**right, "timestamp": None}
        assert await texts(heartline, "tea", at=at) is not None


async def test_a_fork_of_an_imported_conversation_has_its_feelings(heartline: System) -> None:
    said = ["I am so happy, happy, happy!", "How nice.", "I am sad, sad, sad.", "Oh."]
    roles = ("user", "assistant") * 2
    messages = [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]
    made = await heartline.archive.import_(OWNER, {"messages": messages}, "letters")
    await heartline.look_after("letters")

    await heartline.branches.fork(OWNER, "letters", at=3, name="branch")

    state = await heartline.sessions.state(OWNER, "branch", at=None)
    felt = cast("list[dict[str, Any]]", (await heartline.sessions.emotions(OWNER, "branch", at=None))["data"])
    assert cast("dict[str, Any]", state["emotion"])["dominant"] == "joy"
    assert [one["of"] for one in felt] == [2, 3]
    assert made["messages"] == 4


async def test_forks_of_forks_name_whose_version_they_go_on_from(heartline: System) -> None:
    middle, head = await message(heartline, "The cat sleeps.") - 1, await version(heartline)
    await heartline.branches.fork(OWNER, "tea", at=None, name="child")
    await heartline.talk("child", "The dog barks.")

    own = await heartline.branches.fork(OWNER, "child", at=None, name="grandchild")
    older = await heartline.branches.fork(OWNER, "child", at=middle, name="nephew")

    assert own["parent"] == "child"
    assert older == {"session_id": "nephew", "parent": "tea", "at": middle}
    assert head < cast("int", own["at"])
    assert await texts(heartline, "grandchild") == await texts(heartline, "child")
    assert await texts(heartline, "nephew") == ["The kettle sings."]


async def test_a_name_that_is_taken_is_refused_and_its_session_is_as_before(heartline: System) -> None:
    await heartline.talk("milk", "The kettle sings.", "The cat sleeps.", "The marmalade is hidden.")
    head = await version(heartline, "milk")
    # At its own head the fork would have the very version that the taken stream waits for.
    for at in (1, head, None):
        with pytest.raises(Conflict, match="fork under another name"):
            await heartline.branches.fork(OWNER, "tea", at=at, name="milk")

    assert await version(heartline, "milk") == head
    found = await heartline.sessions.state(OWNER, "milk", at=None)
    assert found["lineage"] == {"parent": None, "at": None, "forks": []}


async def test_a_fork_without_a_name_gets_one(heartline: System) -> None:
    made = await heartline.branches.fork(OWNER, "tea", at=None, name=None)

    assert await texts(heartline, str(made["session_id"])) == await texts(heartline, "tea")


async def test_forks_count_as_sessions(heartline: System) -> None:
    for _ in range(4):
        await heartline.branches.fork(OWNER, "tea", at=1, name=None)

    with pytest.raises(Exception, match="which is the limit"):
        await heartline.branches.fork(OWNER, "tea", at=1, name=None)


# -- carry -------------------------------------------------------------------------------------------------------------


async def test_a_carried_message_is_recalled_at_once(heartline: System) -> None:
    await heartline.talk("milk", "Good evening.")
    source = await message(heartline, "The marmalade is hidden.")

    made = await heartline.branches.carry(OWNER, "milk", source="tea", version=source)

    best, *_ = await recalled(heartline, "milk", "Where is the marmalade hidden?")
    assert (best["kind"], best["version"], best["text"]) == ("carried", made["version"], "The marmalade is hidden.")
    assert best["verdict"] == "kept"
    assert made["from"] == {"session_id": "tea", "version": source}
    vectors = heartline.models.vectors
    embedders = heartline.perception.embedders.names
    assert [vectors.missing(session_id(OWNER, "milk"), embedder) for embedder in embedders] == [[]] * len(embedders)


async def test_a_message_carried_while_the_encoder_fails_is_left_to_the_background(
    tmp_path: Path, model: ScriptedModel, encoder: FlakyEncoder
) -> None:
    encoder.failing = True
    async with system(tmp_path / "flaky", outside=Outside(model=model, encoder=encoder)) as built:
        for name, text in (("tea", "The marmalade is hidden."), ("milk", "Good evening.")):
            await built.archive.import_(OWNER, {"messages": [{"role": "user", "text": text}]}, name)
        source = await message(built, "The marmalade is hidden.")
        told: list[UUID] = []

        await replace(built.branches, noted=told.append).carry(OWNER, "milk", source="tea", version=source)

        assert told == [session_id(OWNER, "milk")]


async def test_a_message_of_an_abandoned_branch_can_be_carried_back(heartline: System) -> None:
    source = await message(heartline, "The marmalade is hidden.")
    await heartline.branches.rewind(OWNER, "tea", to=2)

    await heartline.branches.carry(OWNER, "tea", source="tea", version=source)

    assert "The marmalade is hidden." in [one["text"] for one in await recalled(heartline, "tea", "marmalade")]


async def test_what_is_in_view_is_not_carried(heartline: System) -> None:
    source = await message(heartline, "The kettle sings.")
    await heartline.branches.fork(OWNER, "tea", at=None, name="branch")

    for into in ("tea", "branch"):
        with pytest.raises(Conflict, match="in view already"):
            await heartline.branches.carry(OWNER, into, source="tea", version=source)


async def test_what_is_no_message_is_not_carried(heartline: System) -> None:
    head = await version(heartline)

    with pytest.raises(InvalidRequest, match="no message that can be remembered"):
        await heartline.branches.carry(OWNER, "tea", source="tea", version=1)

    assert await version(heartline) == head


async def test_another_owners_session_is_neither_source_nor_target(heartline: System) -> None:
    await heartline.talk("theirs", "The pearls are in the jar.", owner="somebody")
    branches = heartline.branches

    for refused in (
        branches.carry(OWNER, "tea", source="theirs", version=2),
        branches.carry(OWNER, "theirs", source="tea", version=2),
        branches.rewind(OWNER, "theirs", to=1),
        branches.fork(OWNER, "theirs", at=1, name="mine"),
        branches.diff(OWNER, "tea", "theirs"),
        branches.diff(OWNER, "theirs", "tea"),
    ):
        with pytest.raises(NotFound):
            await refused


# -- diff --------------------------------------------------------------------------------------------------------------


async def test_a_diff_tells_what_each_knows_alone(heartline: System) -> None:
    middle = await message(heartline, "The cat sleeps.") - 1
    await heartline.branches.fork(OWNER, "tea", at=middle, name="branch")
    await heartline.talk("branch", "I am so happy, happy, happy today!")
    carried = await message(heartline, "The marmalade is hidden.")
    await heartline.branches.carry(OWNER, "branch", source="tea", version=carried)

    found = cast("dict[str, Any]", await heartline.branches.diff(OWNER, "tea", "branch"))

    assert found["common"] == {"session_id": "tea", "version": middle, "messages": 2}
    a, b = found["a"], found["b"]
    assert [one["text"] for one in a["messages"]][::2] == ["The cat sleeps.", "The marmalade is hidden."]
    assert [one["text"] for one in b["messages"]][::2] == ["I am so happy, happy, happy today!"]
    assert [one["from"] for one in b["carried"]] == [{"session_id": "tea", "version": carried}]
    assert (a["path_length"], b["path_length"]) == (6, 4)
    assert b["emotion"]["dominant"] == "joy"
    assert a["emotion"]["dominant"] != "joy"


async def test_the_common_root_of_cousins_is_where_the_first_of_them_left(heartline: System) -> None:
    middle = await message(heartline, "The cat sleeps.") - 1
    await heartline.branches.fork(OWNER, "tea", at=middle, name="early")
    await heartline.branches.fork(OWNER, "tea", at=None, name="late")
    await heartline.talk("early", "The dog barks.")

    found = cast("dict[str, Any]", await heartline.branches.diff(OWNER, "late", "early"))
    same = cast("dict[str, Any]", await heartline.branches.diff(OWNER, "tea", "tea"))

    assert found["common"] == {"session_id": "tea", "version": middle, "messages": 2}
    assert same["a"]["messages"] == same["b"]["messages"] == []
    assert same["common"]["version"] == same["a"]["version"]


async def test_strangers_have_nothing_in_common(heartline: System) -> None:
    await heartline.talk("milk", "The kettle sings.")

    found = cast("dict[str, Any]", await heartline.branches.diff(OWNER, "tea", "milk"))

    assert found["common"] is None
    assert [len(found[side]["messages"]) for side in "ab"] == [6, 2]


async def test_every_turn_replays_after_all_that(heartline: System, model: ScriptedModel) -> None:
    model.will("The kettle, of course.")
    turns = {"tea": await heartline.talk("tea", "What sings?")}
    await heartline.branches.fork(OWNER, "tea", at=4, name="branch")
    await heartline.branches.rewind(OWNER, "tea", to=4)
    turns["tea"] += await heartline.talk("tea", "And what sleeps?")
    turns["branch"] = await heartline.talk("branch", "Who barks?")

    for session, asked in turns.items():
        for turn in asked:
            assert (await heartline.sessions.replay(OWNER, session, turn))["identical"] is True
