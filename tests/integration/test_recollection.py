"""Recall asked for by itself, over real files and a real index."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from api.services import RecallQuestion
from api.sessions.reader import Asked, Reader
from api.sessions.recollection import Recollection
from domain.errors import InvalidRequest
from domain.messages import Instruction
from tests.harbour import Answer, bring_in, data, versions
from tests.system import OWNER, System, read, system

PERSONA = Instruction(role="system", text="You are Maya, a friend of few words.")


@pytest.fixture
async def heartline(tmp_path: Path) -> AsyncGenerator[System, None]:
    async with system(tmp_path) as built:
        await bring_in(built)
        yield built


async def recalled(built: System, query: str, *, k: int = 3, at: int | None = None, **filters: Any) -> list[Answer]:
    question = RecallQuestion(query=query, k=k, at=at, filters=filters)
    return data(await built.sessions.recall(OWNER, "harbour", question))


async def test_recall_finds_the_best_memories_with_who_said_them_and_when(heartline: System) -> None:
    best = (await recalled(heartline, "one white paw", k=1))[0]

    assert best["version"] == 8
    assert best["text"] == "Grey, with one white paw. Her name is Pepper."
    assert (best["speaker"], best["said_at"]) == ("Robin", "2025-04-02T09:17:00+00:00")
    assert (best["kind"], best["rank"], best["verdict"]) == ("message", 1, "kept")
    assert best["score"] == pytest.approx(sum(best["parts"].values()), abs=1e-5)


async def test_recall_can_be_asked_of_another_policy(heartline: System) -> None:
    question = RecallQuestion(query="Pepper", k=3, at=None, filters={}, policy="cosine")
    found = cast("Answer", await heartline.sessions.recall(OWNER, "harbour", question))

    assert found["policy"]["name"] == "cosine"
    assert found["data"][0]["parts"].keys() <= {"cosine", "feeling"}


async def test_recall_by_an_unknown_policy_is_a_wrong_request(heartline: System) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await heartline.sessions.recall(
            OWNER, "harbour", RecallQuestion(query="Pepper", k=3, at=None, filters={}, policy="luck")
        )

    assert refused.value.param == "policy"


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


async def test_a_memory_without_a_date_passes_no_filter_on_time(heartline: System) -> None:
    await read(await heartline.ask("tea", PERSONA, heartline.said("Hello")))
    question = RecallQuestion(query="Maya", k=9, at=None, filters={"kind": "persona", "after": 0})

    assert data(await heartline.sessions.recall(OWNER, "tea", question)) == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(Reader):
    """Somebody goes on talking right after the session was found."""

    meanwhile: Callable[[], None]

    def find(self, owner: str, session: str, at: int | None) -> Asked:
        found = Reader.find(self, owner, session, at)
        self.meanwhile()
        return found


async def test_recall_is_of_one_version_even_while_a_turn_is_written(heartline: System) -> None:
    loop = asyncio.get_running_loop()

    async def talk() -> None:
        await heartline.talk("harbour", "My other cat has one white paw too, and so has Pepper.")
        await heartline.follower.caught_up()

    reader = Interrupted(
        follower=heartline.follower,
        models=heartline.models,
        meanwhile=lambda: asyncio.run_coroutine_threadsafe(talk(), loop).result(),
    )
    recollection = Recollection(
        reader=reader, seeking=heartline.contexts.seeking, perception=heartline.perception, clock=heartline.clock
    )
    question = RecallQuestion(query="one white paw", k=50, at=None, filters={})

    found = cast("Answer", await recollection.recall(OWNER, "harbour", question))
    then = cast("Answer", await heartline.sessions.recall(OWNER, "harbour", replace(question, at=found["at"])))
    now = cast("Answer", await heartline.sessions.recall(OWNER, "harbour", question))

    assert max(versions(found["data"])) <= found["at"] < max(versions(now["data"]))
    assert found == then
