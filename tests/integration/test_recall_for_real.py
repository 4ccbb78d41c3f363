"""Recall by the real embedding model with token vectors: other languages, and whatever else people type."""

import json
import math
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest

from api.adapters.minilm import MiniLmEncoder
from api.services import RecallQuestion
from domain.records import Json
from domain.session import session_id
from projections.heartline import heartline
from projections.policies import COSINE, Policy
from projections.token_vectors import projection
from tests.harbour import data
from tests.system import OWNER, Outside, Rules, System, system

LANGUAGES = cast(
    "dict[str, dict[str, Any]]", json.loads((Path(__file__).parents[1] / "fixtures/languages.json").read_text("utf-8"))
)
ODD = {
    "white space": " \n\t ",
    "emoji": "🌊🌊🔥 🫠",
    "code": "```py\nfor x in range(3):\n    print({x: x**2})\n```",
    "stop words": "what is it that you did to them and why",
    "mixed scripts": "Привет мир, 你好 hello مرحبا שלום สวัสดี ¿qué tal?",
    "100,000 characters": "The harbour is cold. " * 4_762,
    "one word of 100,000 letters": "a" * 100_000,
    "a lone accent": "\N{COMBINING ACUTE ACCENT}",
    "a date that there is not": "31 February 0000, 99 months before year 0",
}


@pytest.fixture
async def encoder() -> AsyncGenerator[MiniLmEncoder]:
    real = MiniLmEncoder(workers=1)
    yield real
    await real.close()


async def recall_at(built: System, session: str, asked: dict[str, Any], *, k: int) -> float:
    """The share of the evidence among the first `k`, in percent, over all questions."""
    path = built.models.conversation.path(session_id(OWNER, session))
    found: list[float] = []
    for text, evidence in asked["questions"]:
        question = RecallQuestion(query=text, k=k, at=None, filters={})
        best = {one["version"] for one in data(await built.sessions.recall(OWNER, session, question))}
        found.append(sum(path[place] in best for place in evidence) / len(evidence))
    return 100 * sum(found) / len(found)


async def recalls(tmp_path: Path, encoder: MiniLmEncoder, language: str, policy: Policy) -> list[float]:
    outside = Outside(encoder=encoder, projection=projection())
    async with system(tmp_path / policy.name, outside=outside, rules=Rules(policy=policy)) as built:
        asked = LANGUAGES[language]
        messages = [{"role": role, "content": text} for role, text in asked["messages"]]
        await built.archive.import_(OWNER, {"messages": messages}, language)
        await built.look_after(language)
        return [await recall_at(built, language, asked, k=k) for k in (1, 3, 5)]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_in_other_languages_recall_is_never_below_the_cosine(
    tmp_path: Path, encoder: MiniLmEncoder, language: str
) -> None:
    ours = await recalls(tmp_path, encoder, language, heartline())
    cosine = await recalls(tmp_path, encoder, language, COSINE)

    assert all(own >= other for own, other in zip(ours, cosine, strict=True)), (ours, cosine)
    assert ours[1] >= 75


async def test_whatever_is_said_can_be_recalled_and_whatever_is_asked_is_answered(
    tmp_path: Path, encoder: MiniLmEncoder
) -> None:
    outside, rules = Outside(encoder=encoder, projection=projection()), Rules(policy=heartline())
    async with system(tmp_path, outside=outside, rules=rules) as built:
        said = [text for text in (*ODD.values(), "The harbour is cold.") if text.strip()]
        messages: list[Json] = [{"role": "user", "content": text} for text in said]
        await built.archive.import_(OWNER, {"messages": messages}, "odd")
        await built.look_after("odd")
        answers = {
            name: data(await built.sessions.recall(OWNER, "odd", RecallQuestion(query=text, k=50, at=None, filters={})))
            for name, text in ODD.items()
        }

    for name, answer in answers.items():
        numbers = [number for one in answer for number in [one["score"], *one["parts"].values()]]
        assert all(math.isfinite(number) for number in numbers), name
    assert answers["100,000 characters"][0]["text"].startswith("The harbour is cold.")
