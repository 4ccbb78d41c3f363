"""Rebuilding every read model from the log's first event on, against reading and decoding the same events alone."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from api.adapters.sqlite_log import SqliteEventLog
from benchmarks.chat import conversation
from benchmarks.report import Result, Row
from benchmarks.sessions import OWNER, data_folder, progress
from domain.emotion import KeywordDetector, importance
from domain.operations import Append
from domain.session import Session
from domain.turn import Detected
from projections.ports import EventLog, StoredVector
from projections.read_models import ReadModels

SESSIONS: Final = 100
MESSAGES: Final = 100
ROUNDS: Final = 3
BATCH: Final = 1000
DIMENSIONS: Final = 384
EMBEDDER: Final = "made up"
"""What a vector says does not matter here, and computing real ones would take minutes."""


def measure(*, sessions: int = SESSIONS, messages: int = MESSAGES, rounds: int = ROUNDS) -> list[Result]:
    """Events a second of both, the median of a few rounds, and how much of a rebuild is reading."""
    reading: list[float] = []
    rebuilding: list[float] = []
    with data_folder() as folder, progress() as bar:
        events = asyncio.run(_fill(folder / "events.sqlite", sessions, messages))
        for number in bar.track(range(rounds), description="rebuilding"):
            log = SqliteEventLog(folder / "events.sqlite")
            reading.append(timed(lambda log=log: read_alone(log)))
            views = folder / f"views-{number}.sqlite3"
            rebuilding.append(timed(lambda log=log, views=views: rebuild_views(log, views)))
            asyncio.run(log.close())
    rows = beside_reading(events, *(statistics.median(found) for found in (reading, rebuilding)))
    return [Result(title=f"a log of {sessions} sessions, with a vector for each message", rows=rows)]


def beside_reading(events: int, read: float, rebuilt: float) -> list[Row]:
    """The seconds that so many events took to be read alone, and to be made views of."""
    return [
        {
            "what": what,
            "events": float(events),
            "seconds": seconds,
            "events/s": events / seconds,
            "ratio": read / seconds,
        }
        for what, seconds in (("read and decode", read), ("rebuild every view", rebuilt))
    ]


async def _fill(file: Path, sessions: int, messages: int) -> int:
    log, chance, detector = SqliteEventLog(file), np.random.default_rng(1), KeywordDetector()
    said = conversation(messages)
    emotions = [detector.detect(message.text, None) for message in said]
    for number in range(sessions):
        session = Session.start(owner=OWNER, external_id=f"s{number}", identified_by="import")
        received = session.receive(turn=None, operations=[Append(message) for message in said])
        session.detect(
            Detected(of=of, detector=detector.name, emotion=emotion, importance=importance(message.text, emotion))
            for of, message, emotion in zip(received.messages, said, emotions, strict=True)
        )
        vectors = chance.standard_normal((messages, DIMENSIONS)).astype("<f2")
        stored = [
            StoredVector(session=session.id, version=of, part="0", embedder=EMBEDDER, vector=vector.tobytes())
            for of, vector in zip(received.messages, vectors, strict=True)
        ]
        await log.append(session.id, 0, session.collect(), stored)
    events = log.last_position()
    await log.close()
    return events


def read_alone(log: EventLog) -> None:
    """Read and decode everything that a rebuild takes in."""
    position = sequence = 0
    while events := log.read(position, BATCH):
        position = events[-1].position
    while vectors := log.read_vectors(sequence, BATCH):
        sequence = vectors[-1].sequence


def rebuild_views(log: EventLog, views: Path) -> None:
    """Make every view in a file that is not there yet."""
    models = ReadModels.open(views)
    models.follow(log).catch_up()
    models.close()


def timed(work: Callable[[], None]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
