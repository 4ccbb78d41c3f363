"""Recall with a reranker: used, late or absent, and recorded as such."""

from pathlib import Path

import pytest

from api.bootstrap import running
from api.ports import Unjudged
from api.services import RecallQuestion
from api.settings import load_settings
from domain.records import Json
from domain.session import session_id
from tests.fakes_models import WordReranker
from tests.harbour import Answer, bring_in, versions
from tests.system import OWNER, Outside, Rules, System, read, system


async def recalled(built: System, query: str, **filters: Json) -> Answer:
    question = RecallQuestion(query=query, k=4, at=None, filters=filters)
    return dict(await built.sessions.recall(OWNER, "harbour", question))


async def test_the_best_are_reranked_and_the_record_says_by_whom(tmp_path: Path) -> None:
    reranker = WordReranker()
    async with system(tmp_path, outside=Outside(reranker=reranker)) as built:
        await bring_in(built)

        answer = await recalled(built, "one white paw. Her name is Pepper.")

    best = answer["data"][0]
    assert best["version"] == 8
    assert best["parts"]["rerank"] > 1
    assert best["score"] == pytest.approx(sum(best["parts"].values()), abs=1e-5)
    assert [one["rank"] for one in answer["data"]] == [1, 2, 3, 4]
    assert (answer["rerank"]["model"], answer["rerank"]["outcome"], answer["rerank"]["considered"]) == (
        "words",
        "used",
        12,
    )
    assert answer["rerank"]["ms"] >= 0
    ((query, texts),) = reranker.seen
    assert query == "one white paw. Her name is Pepper."
    assert "Robin: Grey, with one white paw. Her name is Pepper." in texts


@pytest.mark.parametrize("outcome", ["late", "failed", "absent"])
async def test_without_its_judgement_the_ranking_stays_and_the_record_says_so(
    tmp_path: Path, outcome: Unjudged
) -> None:
    reranker = WordReranker()
    async with system(tmp_path, outside=Outside(reranker=reranker)) as built:
        await bring_in(built)
        reranker.outcome = outcome
        answer = await recalled(built, "one white paw")
        built_without = await recalled(built, "one white paw")

    assert answer["rerank"]["outcome"] == outcome
    assert all("rerank" not in one["parts"] for one in answer["data"])
    assert versions(answer["data"]) == versions(built_without["data"])


async def test_a_turn_keeps_what_became_of_its_reranking(tmp_path: Path) -> None:
    outside, rules = Outside(reranker=WordReranker("late")), Rules(window_messages=2)
    async with system(tmp_path, outside=outside, rules=rules) as built:
        await built.talk("tea", "I like tea", "It rains")
        answer = await built.ask("tea", built.said("What do I like?"))
        await read(answer)

        audit = await built.sessions.turn(OWNER, "tea", answer.turn, at=None)

    reranked = audit["rerank"]
    assert isinstance(reranked, dict)
    assert (reranked["model"], reranked["outcome"]) == ("words", "late")


async def test_where_nothing_can_be_recalled_nobody_is_asked(tmp_path: Path) -> None:
    reranker = WordReranker()
    async with system(tmp_path, outside=Outside(reranker=reranker)) as built:
        await built.talk("tea", "I like tea")

    assert reranker.seen == []


async def test_a_server_whose_reranker_is_not_to_be_had_recalls_without_it(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, model_provider="offline", rerank_model=str(tmp_path / "nowhere"))
    messages: list[Json] = [{"role": "user", "content": "My cat is called Mimi"}]

    async with running(settings) as built:
        await built.archive.import_(OWNER, {"messages": messages}, "cat")
        await built.aftercare.look_after(session_id(OWNER, "cat"))
        question = RecallQuestion(query="What is my cat called?", k=1, at=None, filters={})
        answer: Answer = dict(await built.services.sessions.recall(OWNER, "cat", question))

    assert answer["data"][0]["text"] == "My cat is called Mimi"
    assert answer["rerank"]["outcome"] == "absent"
    assert {"tokens", "sitting"} <= answer["data"][0]["parts"].keys()
