"""What memory adds to a turn, part by part, in sessions of 20, 600 and 10,000 messages, with the offline model.

The whole path of the product is used: real log with fsync, real views, real embedding model. Reading the texts of the
long session in (not measured here) takes a minute or two.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final, cast

from rich.progress import Progress

from api.bootstrap import System, now, running
from api.chat.request import Address, TurnRequest
from api.settings import load_settings
from benchmarks.chat import conversation, questions
from domain.messages import Message
from domain.session import Session
from domain.transcript import Append

SIZES: Final = (20, 600, 10_000)
WARM_UP: Final = 10
TURNS: Final = 60
OWNER: Final = "local"


def measure() -> list[dict[str, str | float]]:
    """Median and 95th percentile of each part of a turn, in milliseconds, for each size of session."""
    return [row for size in SIZES for row in asyncio.run(_measure(size))]


async def _measure(size: int) -> list[dict[str, str | float]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), summarize_after_messages=1_000_000, model_provider="offline")
        async with running(settings) as system:
            session = await _filled(system, size)
            samples = [await _ask(system, session, text) for text in questions(WARM_UP + TURNS)][WARM_UP:]
    return _rows(size, samples)


async def _filled(system: System, size: int) -> Session:
    session = Session.start(owner=OWNER, external_id="bench", identified_by="import")
    session.receive(turn=None, operations=[Append(message) for message in conversation(size)])
    await system.memory.log.append(session.id, 0, session.collect())
    with Progress() as bar:
        task = bar.add_task(f"reading {size} messages in", total=size)
        await system.aftercare.look_after(session.id, lambda done, total: bar.update(task, completed=done, total=total))
    return session


async def _ask(system: System, session: Session, text: str) -> dict[str, float]:
    """One turn by a thin client: its parts in milliseconds, and all of it up to the first word."""
    arrived = time.perf_counter()
    answer = await system.turns.answer(
        TurnRequest(
            owner=OWNER,
            address=Address(external_id=session.external_id, identified_by="path"),
            messages=[Message(role="user", text=text, said_at=now().isoformat())],
            model=None,
            parameters={"max_tokens": 8},
            arrived=arrived,
            parse_ms=0.0,
        )
    )
    first_word = (time.perf_counter() - arrived) * 1000
    async for _ in answer.stream():
        pass
    await answer.ended()
    audit = await system.services.sessions.turn(OWNER, session.external_id, answer.turn, at=None)
    timings = cast("dict[str, float]", audit["timings_ms"])
    return {**timings, "first word": first_word, "all but encode": first_word - timings["encode"]}


def _rows(size: int, samples: list[dict[str, float]]) -> list[dict[str, str | float]]:
    return [
        {
            "messages": f"{size:,}",
            "part": part,
            "p50 ms": statistics.median(sample[part] for sample in samples),
            "p95 ms": statistics.quantiles((sample[part] for sample in samples), n=20)[-1],
        }
        for part in samples[0]
    ]
