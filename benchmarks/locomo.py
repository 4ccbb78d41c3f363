"""How much of what answers a question recall finds, on conversations that others published.

    python -m benchmarks.locomo --data FILE [--policy heartline] [--conversations 0-4] [--k 3,5,10,25,50]
                                [--embedding-model NAME] [--no-speaker] [--no-token-vectors]
                                [--json OUT] [--keep DIR]

Each conversation is imported as a user would import it (events with dates, follower, views, background encoding), each
question asked of the product's own recall. No language model, no summaries: one turn of the dialogue is one memory.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.bootstrap import System
from api.services import RecallQuestion
from api.sessions.sessions import SessionReads
from api.settings import DEFAULT_EMBEDDING_MODEL, EmbeddingModel
from benchmarks.dialogues import Conversation, Question, read
from benchmarks.imports import OWNER, bring_in, recalling_system
from benchmarks.retrieval import FACTUAL, Judged, scores
from domain.records import JsonObject
from projections.heartline import Heartline
from projections.policies import POLICIES, Policy, policy_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for."""

    data: Path
    policy: str
    conversations: str | None
    ks: Sequence[int]
    embedding_model: EmbeddingModel
    speaker: bool
    token_vectors: bool
    json: Path | None
    keep: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question's ranking and what it took, in milliseconds."""

    judged: Judged
    ms: float


def main() -> None:
    """Parse the command line, measure, print, write."""
    options = _options()
    conversations = _chosen(read(options.data), options.conversations)
    answered = asyncio.run(measure(options, conversations))
    report = _report(answered, options.ks)
    _print(report, options, conversations)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


async def measure(options: Options, conversations: Sequence[Conversation]) -> list[Answered]:
    """Import and ask everything."""
    answered: list[Answered] = []
    async with recalling_system(
        options.keep, embedding_model=options.embedding_model, token_vectors=options.token_vectors
    ) as system:
        sessions = _asking(system, _policy(options))
        with Progress(transient=True) as bar:
            task = bar.add_task("conversations", total=len(conversations))
            for conversation in conversations:
                ids = await bring_in(system, conversation)
                for question in conversation.questions:
                    asked = RecallQuestion(query=question.text, k=max(options.ks), at=None, filters={})
                    began = time.perf_counter()
                    answer = await sessions.recall(OWNER, conversation.name, asked)
                    answered.append(_judged(question, answer, ids, ms=(time.perf_counter() - began) * 1000))
                bar.advance(task)
    return answered


def _asking(system: System, policy: Policy) -> SessionReads:
    """The product's own reading of sessions, recalling by this policy."""
    sessions = cast("SessionReads", system.services.sessions)
    return replace(sessions, seeking=replace(sessions.seeking, policy=policy))


def _judged(question: Question, answer: JsonObject, ids: Mapping[int, str], *, ms: float) -> Answered:
    found = cast("list[JsonObject]", answer["data"])
    ranked = [ids[cast("int", one["version"])] for one in found]
    judged = Judged(category=question.category, ranked=ranked, evidence=frozenset(question.evidence))
    return Answered(judged=judged, ms=ms)


def _policy(options: Options) -> Policy:
    policy = policy_named(options.policy)
    if not options.speaker and isinstance(policy, Heartline):
        return policy.without("speaker")
    return policy


def _chosen(conversations: Sequence[Conversation], chosen: str | None) -> list[Conversation]:
    """`0-4`, `3` or `0,2-4`: by their numbers, counted from 0."""
    if chosen is None:
        return list(conversations)
    spans = [span.partition("-") for span in chosen.split(",")]
    wanted = [number for first, _, last in spans for number in range(int(first), int(last or first) + 1)]
    return [conversations[number] for number in wanted if number < len(conversations)]


def _report(answered: Sequence[Answered], ks: Sequence[int]) -> JsonObject:
    judged = [one.judged for one in answered]
    by_category = {
        category: scores((one for one in judged if one.category == category), ks)
        for category in sorted({one.category for one in judged})
    }
    times = sorted(one.ms for one in answered) or [0.0]
    report: dict[str, object] = {
        "overall": scores(judged, ks),
        "categories": by_category,
        "ms_per_query": {
            "p50": round(statistics.median(times), 2),
            "p95": round(times[int(0.95 * (len(times) - 1))], 2),
        },
    }
    if by_category.keys() & FACTUAL:
        report["factual"] = scores((one for one in judged if one.category in FACTUAL), ks)
    return cast("JsonObject", report)


def _print(report: JsonObject, options: Options, conversations: Sequence[Conversation]) -> None:
    rows = {**cast("dict[str, dict[str, float]]", report["categories"])}
    rows |= {name: cast("dict[str, float]", report[name]) for name in ("factual", "overall") if name in report}
    table = Table(title=f"{options.data.name}, policy {options.policy}")
    table.add_column("category")
    for measure in rows["overall"]:
        table.add_column(measure, justify="right")
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.0f}" if key == "questions" else f"{value:.1f}" for key, value in row.items()))
    console = Console(width=200)
    console.print(table)
    times = cast("dict[str, float]", report["ms_per_query"])
    console.print(f"{times['p50']:.1f} ms a question (95th percentile {times['p95']:.1f}), its encoding included")
    repaired, unknown, skipped = (
        sum(getattr(one, field) for one in conversations) for field in ("repaired", "unknown", "skipped")
    )
    console.print(
        f"evidence: {repaired} malformed ids repaired, {unknown} that name no message left out; {skipped} questions "
        "without any evidence left out"
    )


def _options() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.locomo", description="Recall on published conversations."
    )
    parser.add_argument("--data", type=Path, required=True, help="a file of LoCoMo's or the plain shape, or a folder")
    parser.add_argument("--policy", choices=sorted(POLICIES), default="heartline")
    parser.add_argument("--embedding-model", choices=get_args(EmbeddingModel), default=DEFAULT_EMBEDDING_MODEL)
    parser.add_argument("--conversations", metavar="0-4", help="which of them, counted from 0; all when not given")
    parser.add_argument("--k", default="3,5,10,25,50", help="how many memories are looked at")
    parser.add_argument(
        "--no-speaker", action="store_true", help="without the part of the score for who is asked about"
    )
    parser.add_argument("--no-token-vectors", action="store_true", help="as with TOKEN_VECTORS=off")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what was imported here, and use it again")
    given = parser.parse_args()
    return Options(
        data=given.data,
        policy=given.policy,
        conversations=given.conversations,
        ks=sorted(int(k) for k in given.k.split(",")),
        embedding_model=given.embedding_model,
        speaker=not given.no_speaker,
        token_vectors=not given.no_token_vectors,
        json=given.json,
        keep=given.keep,
    )


if __name__ == "__main__":
    main()
