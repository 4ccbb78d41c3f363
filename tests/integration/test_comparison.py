"""Two policies over all the turns of a session, and over questions with known answers."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from api.command_line.comparisons import read_questions
from api.services import KnownAnswer
from domain.errors import InvalidRequest, NotFound
from domain.messages import Instruction
from tests.fakes_models import Dearer
from tests.harbour import HARBOUR, NARROW, Answer, bring_in, exported, talked_on
from tests.system import OWNER, Outside, System, read, system


@pytest.fixture
async def talked(tmp_path: Path) -> AsyncGenerator[System]:
    async with talked_on(tmp_path, NARROW) as built:
        yield built


async def compare(built: System, *policies: str, questions: list[KnownAnswer] | None = None) -> Answer:
    first, second = policies
    return cast(Answer, await built.reasons.compare(OWNER, "harbour", (first, second), questions or []))


async def test_a_policy_compared_with_itself_changes_nothing(talked: System) -> None:
    before = await exported(talked)

    found = await compare(talked, "hybrid", "hybrid")

    assert (found["compared"], found["changed"], found["overlap"], found["left_out"]) == (2, 0, 1.0, [])
    assert found["tokens"][0] == found["tokens"][1] == sum(row["tokens"][0] for row in found["turns"])
    assert found["questions"] is None
    assert await exported(talked) == before


async def test_it_tells_how_far_it_is(talked: System) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    await talked.reasons.compare(OWNER, "harbour", ("hybrid", "cosine"), progress=tell)

    assert told == [(1, 2), (2, 2)]


async def test_every_turn_tells_what_each_policy_kept_and_what_it_took(talked: System) -> None:
    found = await compare(talked, "hybrid", "cosine")

    assert [policy["name"] for policy in found["policies"]] == ["hybrid", "cosine"]
    assert found["changed"] == 2
    for row in found["turns"]:
        ours, others = map(set, row["kept"])
        assert len(others) == 3 < len(ours)
        assert row["overlap"] == round(len(ours & others) / len(ours | others), 4)
        assert row["tokens"][1] < row["tokens"][0]


async def test_questions_tell_how_much_of_their_evidence_each_policy_recalls(talked: System) -> None:
    questions = [
        KnownAnswer(query="Who helped me with the piano?", versions=[4]),
        KnownAnswer(query="Pepper", texts=["Grey, with one white paw. Her name is Pepper.", "Never said."]),
        KnownAnswer(query="Nothing?", versions=[9_999]),
    ]

    asked = (await compare(talked, "hybrid", "cosine", questions=questions))["questions"]

    assert (asked["asked"], asked["without_evidence"]) == (2, 1)
    assert [row["evidence"] for row in asked["rows"]] == [[4], [8], []]
    assert asked["rows"][2]["recall"] is None
    for place in (0, 1):
        values = [row["recall"][place] for row in asked["rows"][:2]]
        assert asked["recall"][place] == sum(values) / 2
    assert asked["recall"][0] == 1.0


async def test_a_turn_that_was_forgotten_is_left_out_and_named(talked: System) -> None:
    turn = talked.models.audits.turns(HARBOUR)[0]
    session = await talked.log.load(HARBOUR)
    before = session.version
    session.forget(4, versions=[4, turn.version], keyed_digests=[], counts={})
    await talked.log.append(session.id, before, session.collect())

    found = await compare(talked, "hybrid", "cosine")

    assert (found["compared"], found["left_out"]) == (1, [turn.id])


async def test_a_turn_whose_instructions_were_forgotten_is_left_out_and_named(talked: System) -> None:
    answer = await talked.ask("harbour", Instruction(role="system", text="You are Maya."), talked.said("And now?"))
    await read(answer)
    await talked.follower.caught_up()
    persona = talked.models.instructions.instructions(HARBOUR)[0].version
    session = await talked.log.load(HARBOUR)
    before = session.version
    session.forget(4, versions=[4, persona], keyed_digests=[], counts={})
    await talked.log.append(session.id, before, session.collect())

    found = await compare(talked, "hybrid", "cosine")

    assert (found["compared"], found["left_out"]) == (2, [answer.turn])


async def test_a_turn_that_does_not_fit_by_the_present_tokenizer_is_left_out_and_named(tmp_path: Path) -> None:
    async with system(tmp_path, rules=NARROW) as built:
        await bring_in(built)
        (turn,) = await built.talk("harbour", "What does my cat Pepper look like?")
    async with system(tmp_path, rules=NARROW, outside=Outside(counter=Dearer(50))) as built:
        found = await compare(built, "hybrid", "cosine")

    assert (found["compared"], found["left_out"]) == (0, [turn])


async def test_a_session_without_turns_has_nothing_to_compare(tmp_path: Path) -> None:
    async with system(tmp_path, rules=replace(NARROW)) as built:
        await bring_in(built)

        found = await compare(built, "hybrid", "cosine")

        with pytest.raises(NotFound):
            await built.reasons.latest(OWNER, "harbour")
    assert (found["compared"], found["tokens"], found["overlap"]) == (0, [0, 0], None)


async def test_an_unknown_policy_is_refused(talked: System) -> None:
    with pytest.raises(InvalidRequest, match="known are cosine, heartline, hybrid"):
        await compare(talked, "hybrid", "magic")


def test_evidence_of_a_whole_conversation_names_its_messages() -> None:
    messages = [{"id": 7, "speaker": "user", "text": "Tea."}]
    asked = {"messages": messages, "questions": [{"question": "What?", "evidence": [7, 8]}]}

    assert read_questions(json.dumps(asked).encode()) == [KnownAnswer(query="What?", texts=["Tea."])]


def test_evidence_of_questions_alone_are_versions() -> None:
    assert read_questions(b'[{"question": "What?", "evidence": [7]}]') == [KnownAnswer(query="What?", versions=[7])]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"no", "no JSON"),
        (b'"x"', "a list"),
        (b'{"questions": 3}', "a list"),
        (b'[{"question": "What?"}]', "Question 1 needs"),
        (b'[{"question": "What?", "evidence": [1]}, {"question": " ", "evidence": []}]', "Question 2 needs"),
        (b'[{"question": "What?", "evidence": ["D1:3"]}]', "Question 1: without"),
        (b'{"messages": 3, "questions": []}', "one of `messages`"),
        (b'{"messages": [{"text": "Tea."}], "questions": []}', "needs an `id`"),
    ],
)
def test_wrong_questions_are_refused_by_their_number(raw: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_questions(raw)
