"""The mood of a session over real files: over time, as of any version, by the path and not by what left it."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from domain.messages import Instruction
from tests.fakes_models import ScriptedModel
from tests.harbour import audit, data, state
from tests.system import OWNER, Outside, System, read, system
from tests.turn_fakes import transcript

Answer = dict[str, Any]

GLAD = "I am so happy and glad, what a wonderful day"
FURIOUS = "I am furious and angry, I hate this"


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[System, None]:
    async with system(tmp_path, outside=Outside(model=model)) as built:
        yield built


async def emotions(built: System, session: str = "tea", at: int | None = None) -> list[Answer]:
    return data(await built.sessions.emotions(OWNER, session, at=at))


async def test_each_message_in_view_has_the_mood_after_it_and_the_last_one_is_the_sessions(heartline: System) -> None:
    await heartline.talk("tea", "Good morning", GLAD, FURIOUS)

    timeline = await emotions(heartline)

    users = [one["mood"]["dominant"] for one in timeline if one["role"] == "user"]
    assert users == ["neutral", "joy", "anger"]
    assert timeline[-1]["mood"] == (await state(heartline, "tea"))["emotion"]


async def test_the_mood_as_of_a_version_is_the_mood_that_was(heartline: System) -> None:
    await heartline.talk("tea", GLAD)
    then = await state(heartline, "tea")
    await heartline.talk("tea", FURIOUS, FURIOUS)

    assert (await state(heartline, "tea", at=then["version"]))["emotion"] == then["emotion"]
    assert (await emotions(heartline, at=then["version"]))[-1]["mood"] == then["emotion"]


async def test_what_was_swiped_away_is_not_in_the_mood(heartline: System, model: ScriptedModel) -> None:
    said = transcript("Hello", "Hello there.", GLAD)
    await read(await heartline.ask("tea", said[0]))
    model.will("I hate you, I am furious!")
    await read(await heartline.ask("tea", *said))
    angry = await state(heartline, "tea")

    model.will("Fine.")
    await read(await heartline.ask("tea", *said))

    assert angry["emotion"]["labels"]["anger"] > 0
    assert (await state(heartline, "tea"))["emotion"]["labels"]["anger"] == 0
    assert [one["dominant"] for one in await emotions(heartline)] == ["neutral", "neutral", "joy", "neutral"]
    assert (await state(heartline, "tea", at=angry["version"]))["emotion"] == angry["emotion"]


async def test_the_audit_shows_what_was_read_in_the_query_and_how_its_importance_adds_up(heartline: System) -> None:
    (turn,) = await heartline.talk("tea", "I am happy! Are you?")

    read_in = (await audit(heartline, turn, "tea"))["emotion"]

    assert (read_in["dominant"], read_in["detector"]) == ("joy", "keywords:1")
    assert read_in["importance_parts"] == pytest.approx(
        {"any": 0.5, "feeling": 0.08, "length": 0, "questions": 0.1, "exclamations": 0.05, "first_person": 0.05},
        abs=1e-4,
    )
    assert read_in["importance"] == pytest.approx(0.78)


async def test_a_turn_without_a_query_shows_no_emotion(heartline: System) -> None:
    answer = await heartline.ask("tea", Instruction(role="system", text="Say good morning."))
    await read(answer)

    found = await audit(heartline, answer.turn, "tea")

    assert (found["query"], found["emotion"]) == (None, None)
