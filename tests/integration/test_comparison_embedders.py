"""The vectors of two embedders over all the turns of a session, and over questions with known answers."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from api.aftercare.missing import MissingVectors
from api.ports import Encoder
from api.services import KnownAnswer, RecallQuestion, WhatIf
from domain.errors import NotFound
from domain.session import session_id
from projections.audits import Turn
from projections.policies import COSINE
from tests.fakes_models import HashEncoder
from tests.harbour import HARBOUR, NARROW, Answer, audit, bring_in, exported, replay, talked_on
from tests.system import OWNER, Outside, System, system

BY_VECTORS = replace(NARROW, policy=COSINE)
PIANO = KnownAnswer(query="Who helped me with the piano?", versions=[4])


class Twin(HashEncoder):
    """Another model with the very same vectors."""

    @property
    def id(self) -> str:
        return "twin:words:f16"


@pytest.fixture
async def talked(tmp_path: Path) -> AsyncGenerator[System]:
    async with talked_on(tmp_path, BY_VECTORS) as built:
        yield built


async def fill(built: System, encoder: Encoder, session: str = "harbour", *, upto: int | None = None) -> None:
    """Make the vectors that the session lacks, of versions below `upto` where that is given."""
    missing = MissingVectors(log=built.log, remembered=built.remembered, perception=built.perception.by(encoder))
    name = session_id(OWNER, session)
    await missing.make(name, [version for version in missing.versions(name) if upto is None or version < upto])
    await built.follower.caught_up()


async def compare(built: System, other: Encoder, *questions: KnownAnswer, session: str = "harbour") -> Answer:
    return cast(Answer, await built.reasons.compare_embedders(OWNER, session, other, questions))


async def test_the_same_vectors_by_another_name_change_nothing(talked: System) -> None:
    await fill(talked, Twin())
    before = await exported(talked)

    found = await compare(talked, Twin(), PIANO)

    assert (found["compared"], found["changed"], found["overlap"], found["left_out"]) == (2, 0, 1.0, [])
    assert found["embedders"] == [HashEncoder().id, Twin().id]
    assert found["missing"] == [0, 0]
    assert found["questions"]["recall"] == [1.0, 1.0]
    assert await exported(talked) == before


async def test_the_first_side_is_what_the_turns_kept(talked: System) -> None:
    coarse = HashEncoder(dimensions=2)
    await fill(talked, coarse)

    found = await compare(talked, coarse)

    for row in found["turns"]:
        real = await audit(talked, row["turn"])
        kept = sorted(one["version"] for one in real["candidates"] if one["verdict"] == "kept")
        assert row["kept"][0] == kept
    assert found["changed"] == 2
    assert found["overlap"] < 1


async def test_the_second_side_is_what_a_system_by_that_embedder_recalls(tmp_path: Path, talked: System) -> None:
    coarse = HashEncoder(dimensions=2)
    await fill(talked, coarse)
    found = await compare(talked, coarse)

    async with system(tmp_path / "theirs", rules=BY_VECTORS, outside=Outside(encoder=coarse)) as theirs:
        await bring_in(theirs)
        turns = await theirs.talk("harbour", "What does my cat Pepper look like?", "Who helped me with the piano?")
        real = [await audit(theirs, turn) for turn in turns]

    first, second = ([one["version"] for one in turn["candidates"] if one["verdict"] == "kept"] for turn in real)
    assert [row["kept"][1] for row in found["turns"]] == [sorted(first), sorted(second)]


async def test_turns_behind_a_text_without_a_vector_are_left_out_and_named(talked: System) -> None:
    _, second = talked.models.audits.turns(HARBOUR)
    await fill(talked, Twin(), upto=query_of(second))

    found = await compare(talked, Twin(), PIANO)

    assert (found["compared"], found["changed"], found["left_out"]) == (1, 0, [second.id])
    assert (found["missing"][0], found["missing"][1] > 0) == (0, True)
    assert found["questions"]["at"] < second.version
    assert found["questions"]["recall"] == [1.0, 1.0]


def query_of(turn: Turn) -> int:
    assert turn.context is not None
    return cast(int, turn.context["query"])


async def test_without_any_vector_nothing_is_compared(talked: System) -> None:
    found = await compare(talked, Twin(), PIANO)

    assert (found["compared"], len(found["left_out"]), found["overlap"]) == (0, 2, None)
    assert found["missing"] == [0, len(talked.models.vectors.lacking(HARBOUR, HashEncoder(dimensions=2).id))]
    assert (found["questions"]["asked"], found["questions"]["without_evidence"]) == (0, 1)


async def test_a_fork_lacks_what_its_ancestor_lacks(talked: System) -> None:
    await talked.branches.fork(OWNER, "harbour", at=None, name="branch")
    await fill(talked, Twin(), "branch")

    found = await compare(talked, Twin(), session="branch")
    await fill(talked, Twin())
    again = await compare(talked, Twin(), session="branch")

    assert (found["compared"], found["missing"][1] > 0) == (0, True)
    assert (again["compared"], again["changed"], again["missing"]) == (2, 0, [0, 0])


async def test_a_session_that_is_not_there_is_not_compared(talked: System) -> None:
    with pytest.raises(NotFound):
        await compare(talked, Twin(), session="nowhere")


# -- after the change --------------------------------------------------------------------------------------------------


async def test_after_the_change_recall_goes_by_the_new_vectors_and_old_turns_replay(tmp_path: Path) -> None:
    coarse, question = HashEncoder(dimensions=2), RecallQuestion(query="piano", k=3, at=None, filters={})
    async with system(tmp_path, rules=BY_VECTORS) as built:
        await bring_in(built)
        (turn,) = await built.talk("harbour", "What does my cat Pepper look like?")
        before = await built.sessions.recall(OWNER, "harbour", question)
        await fill(built, coarse)

    async with system(tmp_path, rules=BY_VECTORS, outside=Outside(encoder=coarse)) as built:
        recalled = await built.sessions.recall(OWNER, "harbour", question)
        replayed = await replay(built, turn)
        why = cast(Answer, await built.reasons.why_not(OWNER, "harbour", turn, 4))
        imagined = cast(Answer, await built.reasons.what_if(OWNER, "harbour", turn, WhatIf()))
        await built.talk("harbour", "Who helped me with the piano?")
    async with system(tmp_path, rules=BY_VECTORS) as built:
        as_before = replace(question, at=cast(int, before["at"]))
        again = await built.sessions.recall(OWNER, "harbour", as_before)

    assert recalled["embedder"] == coarse.id
    assert recalled["data"] != before["data"]
    assert replayed["identical"] is True
    assert why["embedder"] == HashEncoder().id
    assert imagined["reproduced"] is False
    assert (again["embedder"], again["data"]) == (HashEncoder().id, before["data"])
