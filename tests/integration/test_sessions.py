"""What is read of a session over real files: lists, state, read models and audits, as of any version."""

import json
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from api.ports import ModelFailed
from api.services import RecallQuestion
from domain.budget import Shares
from domain.errors import InvalidRequest, NotFound
from domain.messages import Instruction
from domain.records import JsonObject
from domain.session import session_id
from tests.fakes_models import ScriptedModel
from tests.system import OWNER, Outside, Rules, System, read, system

HARBOUR = Path(__file__).parent.parent / "fixtures" / "harbour.json"
PERSONA = Instruction(role="system", text="You are Maya, a friend of few words.")

Answer = dict[str, Any]


@pytest.fixture
async def heartline(tmp_path: Path) -> AsyncGenerator[System, None]:
    """A system that has read the harbour conversation: messages M2 to M13, their emotions behind them."""
    async with system(tmp_path) as built:
        await bring_in(built)
        yield built


async def bring_in(built: System) -> None:
    await built.sessions.import_(OWNER, cast(JsonObject, json.loads(HARBOUR.read_bytes())), "harbour")
    await built.look_after("harbour")


async def state(built: System, session: str = "harbour", at: int | None = None) -> Answer:
    return cast(Answer, await built.sessions.state(OWNER, session, at=at))


async def audit(built: System, turn: str, session: str = "harbour", at: int | None = None) -> Answer:
    return cast(Answer, await built.sessions.turn(OWNER, session, turn, at=at))


async def recalled(built: System, query: str, *, k: int = 3, at: int | None = None, **filters: Any) -> list[Answer]:
    question = RecallQuestion(query=query, k=k, at=at, filters=filters)
    return data(await built.sessions.recall(OWNER, "harbour", question))


def data(answer: JsonObject) -> list[Answer]:
    return cast("list[Answer]", answer["data"])


def versions(rows: Sequence[Answer]) -> list[int]:
    return [row["version"] for row in rows]


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
    }


async def test_a_list_goes_on_behind_the_last_session_seen(heartline: System) -> None:
    await heartline.talk("tea", "Hello")

    first = await heartline.sessions.list(OWNER, limit=1, after=None)
    second = await heartline.sessions.list(OWNER, limit=1, after="tea")

    assert (data(first)[0]["id"], first["has_more"]) == ("tea", True)
    assert (data(second)[0]["id"], second["has_more"]) == ("harbour", False)


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
    assert found["lineage"] == {"parent": None, "at": None}
    assert found["usage"]["estimated_cost_usd"] == 0.0


async def test_the_state_as_of_a_version_is_the_state_that_was(heartline: System) -> None:
    before = await state(heartline)
    await heartline.talk("harbour", "I hate this, I am furious, angry and mad!")

    then = await state(heartline, at=before["version"])
    now = await state(heartline)

    assert then == before
    assert now["emotion"]["dominant"] == "anger"
    assert now["emotion"]["valence"] is None
    assert now["messages"] == 14


async def test_the_first_version_has_no_title_and_no_messages_yet(heartline: System) -> None:
    found = await state(heartline, at=1)

    assert (found["title"], found["messages"], found["emotion"]) == (None, 0, None)


async def test_the_emotion_is_the_one_of_the_last_thing_the_user_said(heartline: System) -> None:
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


async def test_the_offline_model_costs_nothing(tmp_path: Path) -> None:
    outside = Outside(model=ScriptedModel(models=["heartline-offline"]))
    async with system(tmp_path, outside=outside) as heartline:
        await heartline.talk("tea", "Hello")

        assert (await state(heartline, "tea"))["usage"]["estimated_cost_usd"] == 0.0


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
    found = data(await heartline.sessions.messages(OWNER, "harbour", at=None, limit=1, after=0))

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
        }
    ]


async def test_messages_are_paged_from_the_root_on(heartline: System) -> None:
    first = await heartline.sessions.messages(OWNER, "harbour", at=None, limit=5, after=0)
    rest = await heartline.sessions.messages(OWNER, "harbour", at=None, limit=50, after=6)

    assert (versions(data(first)), first["has_more"]) == ([2, 3, 4, 5, 6], True)
    assert (versions(data(rest)), rest["has_more"]) == (list(range(7, 14)), False)


async def test_messages_as_of_a_version_end_there(heartline: System) -> None:
    found = await heartline.sessions.messages(OWNER, "harbour", at=4, limit=50, after=0)

    assert versions(data(found)) == [2, 3, 4]


async def test_messages_do_not_go_on_behind_one_that_is_not_in_view(heartline: System) -> None:
    with pytest.raises(InvalidRequest, match="Message 99"):
        await heartline.sessions.messages(OWNER, "harbour", at=None, limit=5, after=99)


async def test_a_reply_names_its_turn(heartline: System) -> None:
    (turn,) = await heartline.talk("tea", "Hello")

    *_, reply = data(await heartline.sessions.messages(OWNER, "tea", at=None, limit=50, after=0))

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


# -- audits ------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncGenerator[System, None]:
    """The harbour in a system whose window shows two messages, so that the rest must be recalled."""
    rules = Rules(window_messages=2, shares=Shares(window=400, persona=20, recall=40, history=20, response=20))
    async with system(tmp_path, rules=rules) as built:
        await bring_in(built)
        yield built


async def test_the_audit_of_a_turn_tells_what_the_model_was_shown_and_why(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "Which colour is the white paw of my cat Pepper?")

    found = await audit(narrow, turn)

    assert (found["id"], found["session_id"], found["status"]) == (turn, "harbour", "completed")
    assert (found["query"], found["reply"]) == (26, 29)
    assert found["candidates"][0]["text"] == "Grey, with one white paw. Her name is Pepper."
    assert found["candidates"][0]["verdict"] == "kept"
    assert set(found["candidates"][0]["parts"]) == {"cosine", "bm25"}
    assert "one white paw" in found["context"][-2]["content"]
    assert found["context"][-1]["content"] == "Which colour is the white paw of my cat Pepper?"
    assert found["policy"]["name"] == "hybrid"
    assert found["embedder"] == "hash-64:words:f16"
    assert found["budget"]["recall"]["used"] <= found["budget"]["recall"]["allotted"]
    assert {"parse", "encode", "recall", "context", "append", "first_token", "total"} <= set(found["timings_ms"])


async def test_a_turn_may_be_named_by_its_completion(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")

    assert (await audit(narrow, f"chatcmpl-{turn}"))["id"] == turn


async def test_a_turn_is_open_before_its_reply_and_unknown_before_it_began(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    began = (await audit(narrow, turn))["version"]

    then = await audit(narrow, turn, at=began)

    assert (then["status"], then["reply"], then["usage"]) == ("open", None, None)
    with pytest.raises(NotFound):
        await audit(narrow, turn, at=began - 1)


async def test_a_failed_turn_tells_its_error(tmp_path: Path) -> None:
    model = ScriptedModel()
    model.will("Hel", ModelFailed("The model broke down.", code="upstream_cut", status=502))
    async with system(tmp_path, outside=Outside(model=model)) as heartline:
        answer = await heartline.ask("tea", heartline.said("Hello"))
        with pytest.raises(ModelFailed):
            await read(answer)

        found = await audit(heartline, answer.turn, "tea")

    assert found["status"] == "failed"
    assert found["error"] == {"code": "upstream_cut", "detail": "The model broke down."}


async def test_a_turn_of_another_session_is_not_found(narrow: System) -> None:
    (turn,) = await narrow.talk("tea", "Hello")

    with pytest.raises(NotFound):
        await audit(narrow, turn, "harbour")


async def test_a_replay_renders_the_recorded_context_to_the_byte(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "What did I bake for the fisherman?")
    await narrow.talk("harbour", "And who helped me with the piano?")

    replay = cast(Answer, await narrow.sessions.replay(OWNER, "harbour", turn))

    assert replay["identical"] is True
    assert replay["recorded_sha256"] == replay["rebuilt_sha256"]
    assert replay["context"] == (await audit(narrow, turn))["context"]


async def test_a_replay_over_a_log_that_was_tampered_with_names_the_first_difference(
    narrow: System, tmp_path: Path
) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    tamper(tmp_path / "events.sqlite", version=13, old="shipyard", new="factory!")

    replay = cast(Answer, await narrow.sessions.replay(OWNER, "harbour", turn))

    assert replay["identical"] is False
    assert replay["recorded_sha256"] != replay["rebuilt_sha256"]
    assert "shipyard" in replay["difference"]["in_views"]["content"]
    assert "factory!" in replay["difference"]["in_events"]["content"]


def tamper(file: Path, *, version: int, old: str, new: str) -> None:
    db = sqlite3.connect(file)
    with db:
        (payload,) = db.execute("SELECT state FROM stored_events WHERE originator_version = ?", (version,)).fetchone()
        changed = payload.replace(old.encode(), new.encode())
        db.execute("UPDATE stored_events SET state = ? WHERE originator_version = ?", (changed, version))
    db.close()


async def test_a_replay_that_needs_a_forgotten_text_says_which(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    session = await narrow.log.load(harbour_id())
    before = session.version
    session.forget(13, versions=[13], keyed_digests=[], counts={})
    await narrow.log.append(session.id, before, session.collect())

    replay = cast(Answer, await narrow.sessions.replay(OWNER, "harbour", turn))

    assert replay["identical"] is None
    assert replay["forgotten"] == [13]
    assert (await audit(narrow, turn))["context"] is None


def harbour_id() -> UUID:
    return session_id(OWNER, "harbour")


# -- recall ------------------------------------------------------------------------------------------------------------


async def test_recall_finds_the_best_memories_with_who_said_them_and_when(heartline: System) -> None:
    best = (await recalled(heartline, "one white paw", k=1))[0]

    assert best["version"] == 8
    assert best["text"] == "Grey, with one white paw. Her name is Pepper."
    assert (best["speaker"], best["said_at"]) == ("Robin", "2025-04-02T09:17:00+00:00")
    assert (best["kind"], best["rank"], best["verdict"]) == ("message", 1, "kept")
    assert best["score"] == pytest.approx(sum(best["parts"].values()), abs=1e-5)


async def test_recall_gives_no_more_than_asked_for(heartline: System) -> None:
    assert len(await recalled(heartline, "Pepper", k=2)) == 2


async def test_recall_as_of_a_version_knows_nothing_later(heartline: System) -> None:
    found = await recalled(heartline, "one white paw", k=50, at=7)

    assert sorted(versions(found)) == [2, 3, 4, 5, 6, 7]


async def test_recall_stores_nothing(heartline: System) -> None:
    before = heartline.log.last_position(), heartline.log.last_sequence()

    await recalled(heartline, "Pepper")

    assert (heartline.log.last_position(), heartline.log.last_sequence()) == before


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"speaker": "maya"}, {3, 5, 7, 9, 11, 13}),
        ({"role": "user"}, {2, 4, 6, 8, 10, 12}),
        ({"emotion": ["sadness", "joy"]}, {3, 6, 7}),
        ({"after": "2025-04-07T00:00:00Z"}, {10, 11, 12, 13}),
        ({"before": 1741000000, "role": "assistant"}, {3, 5}),
        ({"kind": "summary"}, set[int]()),
    ],
)
async def test_filters_narrow_what_is_recalled(heartline: System, filters: Answer, expected: set[int]) -> None:
    assert set(versions(await recalled(heartline, "Pepper", k=50, **filters))) == expected


async def test_what_a_filter_refused_is_counted(heartline: System) -> None:
    question = RecallQuestion(query="Pepper", k=50, at=None, filters={"speaker": "Maya"})

    answer = cast(Answer, await heartline.sessions.recall(OWNER, "harbour", question))

    assert answer["verdicts"] == {"kept": 6, "filtered": 6}


@pytest.mark.parametrize("filters", [{"colour": "red"}, {"role": 3}, {"after": "soon"}, {"kind": ["message", 1]}])
async def test_a_wrong_filter_is_refused(heartline: System, filters: Answer) -> None:
    with pytest.raises(InvalidRequest):
        await recalled(heartline, "Pepper", **filters)


async def test_recall_brings_back_a_persona_by_its_chunk(heartline: System) -> None:
    await read(await heartline.ask("tea", PERSONA, heartline.said("Hello")))
    await heartline.look_after("tea")
    question = RecallQuestion(query="a friend of few words", k=1, at=None, filters={"kind": "persona"})

    (found,) = data(await heartline.sessions.recall(OWNER, "tea", question))

    assert (found["kind"], found["text"], found["speaker"]) == ("persona", PERSONA.text, "Former instructions")
    assert (found["start"], found["end"], found["said_at"]) == (0, len(PERSONA.text), None)


# -- forks -------------------------------------------------------------------------------------------------------------


async def test_a_fork_tells_its_parent_and_shows_its_ancestors_events(heartline: System) -> None:
    parent = await heartline.log.load(harbour_id(), 13)
    fork = parent.fork("harbour-2")
    await heartline.log.append(fork.id, 13, fork.collect())

    found = await state(heartline, "harbour-2")
    page = data(await heartline.sessions.events(OWNER, "harbour-2", after=11, limit=50))

    assert found["lineage"] == {"parent": "harbour", "at": 13}
    assert (await state(heartline, "harbour-2", at=13))["lineage"] == {"parent": None, "at": None}
    assert [(one["version"], one["type"]) for one in page] == [
        (12, "session.message-received"),
        (13, "session.message-received"),
        (14, "session.forked"),
    ]
