"""Why-not and what-if over real files: a conversation with dates, talked on with a window of two messages."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from api.chat.request import Address, TurnRequest
from api.filters import Filters
from api.ports import ModelFailed
from api.reasons.past import Past
from api.services import WhatIf
from api.sessions.reader import Reader
from domain.budget import Shares
from domain.errors import Conflict, ContextTooLong, InvalidRequest, NotFound
from domain.messages import Instruction, Message
from domain.operations import Append
from domain.records import JsonObject
from domain.session import session_id
from projections.policies import COSINE, HYBRID
from tests.fakes_models import Dearer, HashEncoder, ScriptedModel, WordReranker
from tests.harbour import HARBOUR, Answer, audit, bring_in, exported
from tests.system import OWNER, Outside, Rules, System, read, system

NARROW = Rules(
    window_messages=2, summarise_after=1000, shares=Shares(window=400, persona=20, recall=40, history=20, response=20)
)
QUESTION = "Which colour is the white paw of my cat Pepper?"
PEPPER, PIANO = 8, 4
NOON = "2026-05-01T12:00:00+00:00"


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncGenerator[System]:
    async with system(tmp_path, rules=NARROW) as built:
        await bring_in(built)
        yield built


async def why_not(built: System, turn: str, version: int, session: str = "harbour") -> Answer:
    return cast(Answer, await built.reasons.why_not(OWNER, session, turn, version))


async def what_if(built: System, turn: str, session: str = "harbour", **asked: Any) -> Answer:
    return cast(Answer, await built.reasons.what_if(OWNER, session, turn, WhatIf(**asked)))


async def read_turn(built: System, request: TurnRequest) -> str:
    answer = await built.turns.answer(request)
    await read(answer)
    return answer.turn


async def ask_of_pepper(built: System) -> str:
    (turn,) = await built.talk("harbour", QUESTION)
    return turn


# -- why not -----------------------------------------------------------------------------------------------------------


async def test_whatever_the_record_lists_is_explained_by_its_numbers(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)
    shown = await audit(narrow, turn)

    for candidate in shown["candidates"]:
        found = await why_not(narrow, turn, candidate["version"])

        assert {name: found[name] for name in ("verdict", "score", "rank", "parts")} == {
            name: candidate[name] for name in ("verdict", "score", "rank", "parts")
        }
        assert (found["recomputed"], found["policy_exists"]) == (False, True)
        assert found["text"] == candidate["text"]
        assert f"rank {candidate['rank']}" in found["explanation"]


async def test_what_did_not_fit_is_told_the_room_that_was_left(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)
    recall = (await audit(narrow, turn))["budget"]["recall"]

    found = await why_not(narrow, turn, 3)

    assert found["verdict"] == "over_budget"
    assert found["needed"] == {"tokens_left": recall["allotted"] - recall["used"]}
    assert f"{recall['used']} were used" in found["explanation"]


async def test_below_the_cut_it_says_how_much_was_missing(tmp_path: Path) -> None:
    async with system(tmp_path, rules=replace(NARROW, policy=replace(HYBRID, top_k=2))) as built:
        await bring_in(built)
        turn = await ask_of_pepper(built)

        found = await why_not(built, turn, PIANO)

    assert (found["verdict"], found["rank"]) == ("below_cut", 4)
    assert found["score"] < found["cut"] == found["needed"]["score"]
    assert found["needed"]["more"] == pytest.approx(found["cut"] - found["score"])
    assert "kept were 2, the last" in found["explanation"]


async def test_below_the_threshold_it_says_how_much_was_missing(tmp_path: Path) -> None:
    async with system(tmp_path, rules=replace(NARROW, policy=replace(HYBRID, threshold=0.4))) as built:
        await bring_in(built)
        turn = await ask_of_pepper(built)

        found = await why_not(built, turn, PIANO)

    assert found["policy_exists"] is False
    assert (found["verdict"], found["threshold"], found["needed"]["score"]) == ("below_threshold", 0.4, 0.4)


async def test_what_stands_in_the_context_was_not_recalled_once_more(narrow: System) -> None:
    persona = Instruction(role="system", text="You are Maya.")
    answer = await narrow.ask("harbour", persona, narrow.said(QUESTION))
    await read(answer)
    shown = await audit(narrow, answer.turn)

    places = {
        shown["query"]: "the message that the turn answered",
        13: "in the context's history",
        shown["persona_version"] - 1: "an instruction of this request",
    }
    for version, words in places.items():
        found = await why_not(narrow, answer.turn, version)

        assert found["verdict"] == "in_window"
        assert words in found["explanation"]


async def test_what_was_said_later_was_not_said_yet(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)
    reply = (await audit(narrow, turn))["reply"]

    found = await why_not(narrow, turn, reply)

    assert (found["verdict"], found["score"], found["rank"]) == ("not_said_yet", None, None)


async def test_what_had_left_the_path_says_when(narrow: System) -> None:
    said = Message(
        role="assistant", text="And next week you start at the shipyard, don't you?", said_at="", name="Maya"
    )
    first = await narrow.ask("harbour", said, narrow.said("Do you like tea?"))
    await read(first)
    replaced = (await audit(narrow, first.turn))["reply"]
    again = await narrow.ask("harbour", said, narrow.said("Do you like tea?"))
    await read(again)

    found = await why_not(narrow, again.turn, replaced)

    assert found["verdict"] == "off_path"
    swiped = [line["version"] for line in await exported(narrow) if line.get("type") == "session.path-changed"]
    assert f"left the path at version {swiped[-1]}" in found["explanation"]


async def test_what_the_record_only_counts_is_ranked_again_as_of_the_turn(tmp_path: Path) -> None:
    async with system(tmp_path, rules=NARROW) as built:
        lines = [{"role": "user", "content": f"Line {n} about harbour ropes."} for n in range(120)]
        await built.archive.import_(OWNER, {"messages": lines}, "harbour")
        await built.look_after("harbour")
        turn = await ask_of_pepper(built)
        shown = await audit(built, turn)
        listed = {one["version"] for one in shown["candidates"]}
        unlisted = [version for version in range(2, 118) if version not in listed]
        await built.talk("harbour", "Line 3 about harbour ropes is my favourite.")

        found = await why_not(built, turn, unlisted[0])

    assert shown["rest"]["below_cut"] >= len(unlisted)
    assert (found["recomputed"], found["exact"], found["verdict"]) == (True, True, "below_cut")
    assert found["rank"] > 64
    assert found["score"] <= min(one["score"] for one in shown["candidates"])


async def test_a_policy_that_no_longer_exists_leaves_what_the_record_proves(tmp_path: Path) -> None:
    lines = [{"role": "user", "content": f"Line {n} about harbour ropes."} for n in range(120)]
    gone = replace(NARROW, policy=replace(HYBRID, bm25=0.7, version=9))
    async with system(tmp_path, rules=gone) as built:
        await built.archive.import_(OWNER, {"messages": lines}, "harbour")
        await built.look_after("harbour")
        turn = await ask_of_pepper(built)
        shown = await audit(built, turn)
        unlisted = min(set(range(2, 118)) - {one["version"] for one in shown["candidates"]})

        found = await why_not(built, turn, unlisted)

    assert (found["policy_exists"], found["recomputed"], found["score"]) == (False, False, None)
    assert "hybrid (version 9)" in found["explanation"]
    assert "no longer exists" in found["explanation"]
    assert found["verdict"] in {*found["possible"], "unknown"}
    assert found["score_at_most"] == min(one["score"] for one in shown["candidates"])


async def test_a_turn_by_another_embedding_model_is_not_ranked_by_this_one(tmp_path: Path) -> None:
    lines = [{"role": "user", "content": f"Line {n} about harbour ropes."} for n in range(120)]
    async with system(tmp_path, rules=NARROW) as built:
        await built.archive.import_(OWNER, {"messages": lines}, "harbour")
        await built.look_after("harbour")
        turn = await ask_of_pepper(built)
        unlisted = min(set(range(2, 118)) - {one["version"] for one in (await audit(built, turn))["candidates"]})
    async with system(tmp_path, rules=NARROW, outside=Outside(encoder=HashEncoder(dimensions=32))) as built:
        found = await why_not(built, turn, unlisted)

    assert (found["recomputed"], found["score"]) == (False, None)
    assert "hash-64" in found["explanation"]


@pytest.mark.parametrize("times", [2, 3])
async def test_under_other_settings_only_what_the_record_proves_is_said(tmp_path: Path, times: int) -> None:
    """What has room today had it then, or not: another tokenizer counts otherwise."""
    texts = ["My cat Pepper has a white paw."] * 100 + ["It rains."] * 20
    lines = [{"role": "user", "content": f"{text} {n}"} for n, text in enumerate(texts)]
    async with system(tmp_path, rules=NARROW) as built:
        await built.archive.import_(OWNER, {"messages": lines}, "harbour")
        await built.look_after("harbour")
        turn = await ask_of_pepper(built)
        shown = await audit(built, turn)
        unlisted = set(range(2, 120)) - {one["version"] for one in shown["candidates"]}
    async with system(tmp_path, rules=NARROW, outside=Outside(counter=Dearer(times))) as built:
        found = [await why_not(built, turn, version) for version in sorted(unlisted)]

    assert shown["rest"] == {"in_window": 2, "below_cut": len(unlisted)}
    for one in found:
        assert (one["verdict"], one["exact"], one["recomputed"]) == ("below_cut", False, True)
        assert "Built again under the present settings" in one["explanation"]
        assert one["score_at_most"] == min(candidate["score"] for candidate in shown["candidates"])


async def test_what_lies_beside_the_path_has_its_reasons(tmp_path: Path) -> None:
    async with system(tmp_path, rules=replace(NARROW, summarise_after=6)) as built:
        await bring_in(built)
        pirate = Instruction(role="system", text="You are a pirate with a wooden leg and a parrot.")
        mentioned = Instruction(role="system", text="It rains.")
        await read(await built.ask("harbour", pirate, built.said("Ahoy!"), mentioned))
        turn = await ask_of_pepper(built)
        shown = await audit(built, turn)
        instructions = built.models.instructions.instructions(HARBOUR)
        (summary, *_) = built.models.summaries.all(HARBOUR)
        persona, rain = [await why_not(built, turn, one.version) for one in instructions]
        told = await why_not(built, turn, summary.version)

    listed = {one["version"]: one["verdict"] for one in shown["candidates"]}
    assert (persona["kind"], persona["verdict"]) == ("persona", listed[instructions[0].version])
    assert rain["verdict"] == "off_path"
    assert "neither a summary of this path nor part of a former persona" in rain["explanation"]
    assert told["verdict"] in {"in_window", listed.get(summary.version)}


async def test_another_choice_was_never_on_the_path_and_a_tools_answer_is_never_recalled(narrow: System) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    said: list[Message | Instruction] = [
        narrow.said("When is high tide?"),
        Message(role="assistant", text="", said_at="", tool_calls=[call]),
        Message(role="tool", text="At noon.", said_at="", tool_call_id="c1"),
        Message(role="assistant", text="At noon, they say.", said_at=""),
        narrow.said("Thank you."),
    ]
    await read(await narrow.ask("harbour", *said))
    for text in ("How warm is it?", "And the wind?", "Is there fog?"):
        (turn,) = await narrow.talk("harbour", text)
    await narrow.follower.caught_up()
    noon = next(one.version for one in narrow.models.conversation.messages(HARBOUR) if one.role == "tool")
    session = await narrow.log.load(HARBOUR)
    before = session.version
    aside = session.receive(
        turn=None,
        operations=[Append(Message(role="assistant", text="Never shown.", said_at=NOON, origin="backfilled"))],
    )
    await narrow.log.append(HARBOUR, before, session.collect())
    (last,) = await narrow.talk("harbour", "Good night.")

    tool, never = await why_not(narrow, turn, noon), await why_not(narrow, last, aside.messages[0])

    assert (tool["verdict"], "never recalled" in tool["explanation"]) == ("filtered", True)
    assert (never["verdict"], "did not stand on the path" in never["explanation"]) == ("off_path", True)


async def test_a_failed_turn_has_its_reasons_too(tmp_path: Path) -> None:
    model = ScriptedModel()
    async with system(tmp_path, rules=NARROW, outside=Outside(model=model)) as built:
        await bring_in(built)
        model.will("Hel", ModelFailed("The model broke down.", code="upstream_cut", status=502))
        answer = await built.ask("harbour", built.said(QUESTION))
        with pytest.raises(ModelFailed):
            await read(answer)

        found, imagined = await why_not(built, answer.turn, PEPPER), await what_if(built, answer.turn)

    assert (found["verdict"], found["turn_status"]) == ("kept", "failed")
    assert imagined["same_context"] is True


@pytest.mark.parametrize("version", [1, 14, 10_000])
async def test_a_version_that_is_no_memory_is_refused(narrow: System, version: int) -> None:
    """The session's beginning, a reading of an emotion, and beyond the head."""
    turn = await ask_of_pepper(narrow)

    with pytest.raises(InvalidRequest) as refused:
        await why_not(narrow, turn, version)

    assert refused.value.param == "version"


async def test_an_unknown_turn_and_another_owner_are_not_found(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)

    for owner, name in ((OWNER, "nothing"), ("bob", turn)):
        with pytest.raises(NotFound):
            await narrow.reasons.why_not(owner, "harbour", name, PEPPER)
        with pytest.raises(NotFound):
            await narrow.reasons.what_if(owner, "harbour", name, WhatIf())


async def test_a_turn_whose_record_was_forgotten_cannot_be_asked(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)
    began = (await audit(narrow, turn))["version"]
    session = await narrow.log.load(HARBOUR)
    before = session.version
    session.forget(PIANO, versions=[PIANO, began], keyed_digests=[], counts={})
    await narrow.log.append(session.id, before, session.collect())

    with pytest.raises(Conflict):
        await why_not(narrow, turn, PEPPER)


async def test_instructions_that_were_forgotten_cannot_be_built_with_again(narrow: System) -> None:
    answer = await narrow.ask("harbour", Instruction(role="system", text="You are Maya."), narrow.said(QUESTION))
    await read(answer)
    await narrow.follower.caught_up()
    persona = narrow.models.instructions.instructions(HARBOUR)[0].version
    session = await narrow.log.load(HARBOUR)
    before = session.version
    session.forget(PIANO, versions=[PIANO, persona], keyed_digests=[], counts={})
    await narrow.log.append(HARBOUR, before, session.collect())

    with pytest.raises(Conflict, match="forgotten"):
        await what_if(narrow, answer.turn)


# -- what if -----------------------------------------------------------------------------------------------------------


async def test_the_turns_own_policy_builds_the_recorded_context_again_long_after(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)
    shown = await audit(narrow, turn)
    narrow.clock.pass_(days=30)
    await narrow.talk("harbour", "My cat Pepper has another white paw now.", "And a grey tail.")
    before = await exported(narrow)

    found = await what_if(narrow, turn)

    assert (found["same_context"], found["reproduced"]) == (True, True)
    assert found["real"]["context"] == found["what_if"]["context"] == shown["context"]
    assert found["real"]["context_sha256"] == found["what_if"]["context_sha256"] == shown["context_sha256"]
    assert found["real"]["kept"] == found["what_if"]["kept"]
    assert await exported(narrow) == before


async def test_instructions_stand_where_they_stood(narrow: System) -> None:
    said: list[Message | Instruction] = [
        Instruction(role="system", text="You are Maya."),
        narrow.said("I baked him an apple cake with cinnamon.", name="Robin"),
        Instruction(role="system", text="It rains."),
        Message(role="assistant", text="And next week you start at the shipyard, don't you?", said_at="", name="Maya"),
        narrow.said(QUESTION),
        Instruction(role="system", text="Answer in one sentence."),
    ]
    answer = await narrow.ask("harbour", *said)
    await read(answer)

    found = await what_if(narrow, answer.turn)

    assert [one["content"] for one in found["real"]["context"] if one["role"] == "system"][::3] == [
        "You are Maya.",
        "Answer in one sentence.",
    ]
    assert found["same_context"] is True


async def test_what_the_client_injected_stands_where_it_stood(narrow: System) -> None:
    cake = narrow.said("I baked him an apple cake with cinnamon.", name="Robin")
    lore = Message(role="user", text="[Lore: the quay is made of granite.]", said_at="")
    yard = Message(
        role="assistant", text="And next week you start at the shipyard, don't you?", said_at="", name="Maya"
    )
    answer = await narrow.ask("harbour", cake, lore, yard, narrow.said(QUESTION))
    await read(answer)

    found = await what_if(narrow, answer.turn)

    assert [one["content"] for one in found["real"]["context"]][1] == lore.text
    assert found["same_context"] is True


async def test_another_policy_keeps_other_memories_in_as_many_tokens_as_it_needs(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)

    found = await what_if(narrow, turn, policy="cosine")

    real, other = found["real"], found["what_if"]
    assert (real["policy"]["name"], other["policy"]["name"]) == ("hybrid", "cosine")
    assert len(other["kept"]) == COSINE.top_k < len(real["kept"])
    assert found["kept"]["both"] + found["kept"]["only_real"] != []
    assert {one["version"] for one in other["kept"]} == {*found["kept"]["both"], *found["kept"]["only_what_if"]}
    assert other["tokens"] == sum(share["used"] for share in other["budget"].values()) < real["tokens"]
    assert (found["same_context"], found["reproduced"]) == (False, True)


async def test_fewer_memories_and_a_smaller_window_show_less(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)

    one, small = await what_if(narrow, turn, top_k=1), await what_if(narrow, turn, budget=200)

    assert [kept["version"] for kept in one["what_if"]["kept"]] == [PEPPER]
    assert small["what_if"]["window"] == 200
    assert small["what_if"]["tokens"] <= 200
    assert len(small["what_if"]["kept"]) < len(small["real"]["kept"])


async def test_a_turn_without_any_message_can_be_built_again_too(tmp_path: Path) -> None:
    async with system(tmp_path, rules=NARROW) as built:
        answer = await built.ask("harbour", Instruction(role="system", text="Say hello."))
        await read(answer)

        found = await what_if(built, answer.turn, policy="cosine")

    assert (found["reproduced"], found["same_context"]) == (True, True)
    assert found["what_if"]["kept"] == []


async def test_what_cannot_be_is_refused(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)

    with pytest.raises(InvalidRequest, match="known are cosine, heartline, hybrid"):
        await what_if(narrow, turn, policy="magic")
    with pytest.raises(ContextTooLong):
        await what_if(narrow, turn, budget=10)


async def test_other_settings_than_those_of_then_are_told(tmp_path: Path) -> None:
    async with system(tmp_path, rules=NARROW) as built:
        await bring_in(built)
        turn = await ask_of_pepper(built)
    async with system(tmp_path, rules=NARROW, outside=Outside(counter=Dearer(3))) as built:
        found = await what_if(built, turn)

    assert (found["reproduced"], found["same_context"]) == (False, False)


async def test_a_turn_is_built_again_by_the_shares_and_filters_that_it_had(tmp_path: Path) -> None:
    filters = Filters.read({"role": ["user"], "after": "2025-04-01T00:00:00Z", "kind": "message"})
    async with system(tmp_path, rules=NARROW) as built:
        await bring_in(built)
        asked = built.request(Address(external_id="harbour", identified_by="header"), [built.said(QUESTION)])
        turn = await read_turn(built, replace(asked, filters=filters))
        shown = await audit(built, turn)
    wider = Rules(window_messages=20, shares=Shares(window=4000, persona=10, recall=10, history=60, response=20))
    async with system(tmp_path, rules=wider) as built:
        same = await what_if(built, turn)
        unfiltered = await why_not(built, turn, 3)

    assert shown["filters"] == {"role": ["user"], "kind": ["message"], "after": "2025-04-01T00:00:00+00:00"}
    assert Filters.read(shown["filters"]) == filters
    assert {one["version"] for one in shown["candidates"] if one["verdict"] == "kept"} <= {2, 4, 6, 8, 10, 12}
    assert (same["reproduced"], same["same_context"]) == (True, True)
    assert unfiltered["verdict"] == "filtered"


async def test_a_turn_of_before_its_shares_were_recorded_is_built_by_those_of_now(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)
    past = Past(
        log=narrow.log,
        reader=Reader(follower=narrow.follower, models=narrow.models),
        contexts=narrow.contexts,
        embedders=narrow.perception.embedders,
    )
    _, found = await past.find(OWNER, "harbour", turn)
    budget = {name: value for name, value in found.budget.items() if name != "division"}
    older = replace(found, facts={**found.facts, "budget": cast("JsonObject", budget)})

    assert past.build(older, HYBRID).context.sha256 == found.sha256


async def test_what_a_reranker_had_no_time_to_read_is_told(tmp_path: Path) -> None:
    outside = Outside(reranker=WordReranker("late"))
    rules = replace(NARROW, policy=HYBRID.recalling(1))
    async with system(tmp_path, rules=rules, outside=outside) as built:
        await bring_in(built)
        turn = await ask_of_pepper(built)
        shown = await audit(built, turn)
        cut = next(one for one in shown["candidates"] if one["verdict"] == "below_cut")
        found = await why_not(built, turn, cut["version"])

    assert (found["verdict"], found["recomputed"]) == ("deadline", False)
    assert "did not answer by its deadline" in found["explanation"]
    assert found["needed"]["more"] > 0


async def test_a_forks_older_turns_are_its_ancestors(narrow: System) -> None:
    turn = await ask_of_pepper(narrow)
    parent = await narrow.log.load(HARBOUR)
    fork = parent.fork("quay")
    await narrow.log.append(session_id(OWNER, "quay"), parent.version, fork.collect())

    imagined, found = await what_if(narrow, turn, "quay"), await why_not(narrow, turn, PEPPER, "quay")

    assert imagined["same_context"] is True
    assert found["verdict"] == "kept"
