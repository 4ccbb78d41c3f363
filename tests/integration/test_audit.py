"""Audits of turns over real files, and their replay from events alone."""

import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from api.ports import ModelFailed
from domain.budget import Shares
from domain.errors import NotFound
from domain.session import session_id
from tests.fakes_models import ScriptedModel
from tests.harbour import HARBOUR, audit, bring_in, replay
from tests.system import OWNER, Outside, Rules, System, read, system


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


async def test_a_turn_is_open_before_its_reply_and_unknown_before_it_began(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    began = (await audit(narrow, turn))["version"]

    then = await audit(narrow, turn, at=began)

    assert (then["status"], then["reply"], then["usage"]) == ("open", None, None)
    with pytest.raises(NotFound):
        await audit(narrow, turn, at=began - 1)


async def test_the_latest_turn_is_that_of_the_newest_stretch_of_the_lineage(narrow: System) -> None:
    first, second = await narrow.talk("harbour", "Hello", "And hello again")
    opened = (await audit(narrow, second))["version"]
    await narrow.branches.fork(OWNER, "harbour", at=opened - 1, name="branch")
    await narrow.follower.caught_up()
    fork, latest = session_id(OWNER, "branch"), narrow.models.audits.latest

    forked = latest(fork)
    (own,) = await narrow.talk("branch", "Elsewhere")
    await narrow.follower.caught_up()

    assert (forked, latest(fork), latest(fork, opened - 1)) == (first, own, first)
    assert latest(session_id(OWNER, "harbour")) == await narrow.reasons.latest(OWNER, "harbour") == second
    assert latest(session_id(OWNER, "nobody")) is None


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

    replayed = await replay(narrow, turn)

    assert replayed["identical"] is True
    assert replayed["recorded_sha256"] == replayed["rebuilt_sha256"]
    assert replayed["context"] == (await audit(narrow, turn))["context"]


async def test_a_replay_over_a_log_that_was_tampered_with_names_the_first_difference(
    narrow: System, tmp_path: Path
) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    tamper(tmp_path / "events.sqlite", version=13, old="shipyard", new="factory!")

    replayed = await replay(narrow, turn)

    assert replayed["identical"] is False
    assert replayed["recorded_sha256"] != replayed["rebuilt_sha256"]
    assert "shipyard" in replayed["difference"]["in_views"]["content"]
    assert "factory!" in replayed["difference"]["in_events"]["content"]


def tamper(file: Path, *, version: int, old: str, new: str) -> None:
    db = sqlite3.connect(file)
    with db:
        (payload,) = db.execute("SELECT state FROM stored_events WHERE originator_version = ?", (version,)).fetchone()
        changed = payload.replace(old.encode(), new.encode())
        db.execute("UPDATE stored_events SET state = ? WHERE originator_version = ?", (changed, version))
    db.close()


async def test_a_replay_that_needs_a_forgotten_text_says_which(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    await forget(narrow, 13)

    replayed = await replay(narrow, turn)

    assert replayed["identical"] is None
    assert replayed["forgotten"] == [13]
    assert (await audit(narrow, turn))["context"] is None


async def test_a_turn_whose_context_was_forgotten_has_nothing_left_to_show(narrow: System) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    began = (await audit(narrow, turn))["version"]
    await forget(narrow, 2, began)

    found = await audit(narrow, turn)

    assert (found["status"], found["context"], found["candidates"]) == ("completed", None, None)
    assert (await replay(narrow, turn))["forgotten"] == [began]


async def forget(built: System, *versions: int) -> None:
    session = await built.log.load(HARBOUR)
    before = session.version
    session.forget(versions[0], versions=versions, keyed_digests=[], counts={})
    await built.log.append(session.id, before, session.collect())


async def test_a_replay_of_a_context_whose_record_was_tampered_with_finds_no_message_that_differs(
    narrow: System, tmp_path: Path
) -> None:
    (turn,) = await narrow.talk("harbour", "Hello")
    found = await audit(narrow, turn)
    tamper(tmp_path / "events.sqlite", version=found["version"], old=found["context_sha256"], new="0" * 64)

    replayed = await replay(narrow, turn)

    assert (replayed["identical"], replayed["difference"]) == (False, None)
