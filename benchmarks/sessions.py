"""Data folders with sessions of any length in them, made by the product's own parts before anything is measured."""

import tempfile
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from rich.console import Console
from rich.progress import Progress

from api.bootstrap import System, running
from api.ports import EventLog
from api.settings import Settings, load_settings
from benchmarks.chat import conversation
from domain.operations import Append
from domain.session import Session

OWNER: Final = "local"

QUIET: Final = {"SUMMARIZE_AFTER_MESSAGES": "1000000", "OFFLINE_DELAY_SECONDS": "0"}
"""Settings of every server that is measured: no summary is written in the background meanwhile, and a reply that no
language model writes comes as fast as it can."""


@contextmanager
def data_folder() -> Generator[Path]:
    """An empty folder on the disk that the product's data lie on, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="data") as folder:
        yield Path(folder).resolve()


def progress() -> Progress:
    """A bar on a terminal; nothing where the output goes elsewhere."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def quiet(folder: Path) -> Settings:
    """A system without HTTP in this folder: no model is called, no summary written."""
    return load_settings(
        data_dir=folder / "data",
        summarize_after_messages=1_000_000,
        model_provider="offline",
        offline_delay_seconds=0,
    )


@asynccontextmanager
async def filling(folder: Path) -> AsyncGenerator[System]:
    """A system, without HTTP, to make sessions with. Afterwards the views are what a server finds at its start."""
    async with running(quiet(folder)) as system:
        yield system
        await system.memory.follower.caught_up()


def versions(messages: int, rounds: int) -> list[int]:
    """So many versions of a session that begins with so many messages, evenly spread over its past."""
    return [2 + number * (messages - 2) // max(rounds - 1, 1) for number in range(rounds)]


async def store(log: EventLog, name: str, length: int) -> Session:
    """A session of so many messages, without vectors and emotions."""
    session = Session.start(owner=OWNER, external_id=name, identified_by="import")
    session.receive(turn=None, operations=[Append(message) for message in conversation(length)])
    await log.append(session.id, 0, session.collect())
    return session


async def alike(system: System, names: Sequence[str], length: int, bar: Progress) -> None:
    """Sessions of so many messages each, at least one, with one and the same past: see `fork`."""
    original = await converse(system, names[0], length, bar)
    for name in bar.track(names[1:], description="making sessions"):
        await fork(system, original.id, name)


async def converse(system: System, name: str, length: int, bar: Progress) -> Session:
    """A session of so many messages, each with its vector and emotion."""
    session = await store(system.memory.log, name, length)
    task = bar.add_task(f"reading {length:,} messages in", total=length)
    await system.aftercare.look_after(session.id, lambda done, total: bar.update(task, completed=done, total=total))
    return session


async def fork(system: System, session: UUID, name: str) -> None:
    """Another session with the same past: it shares its texts and vectors, and nothing that is kept in memory."""
    parent = await system.memory.log.load(session)
    child = parent.fork(name)
    await system.memory.log.append(child.id, parent.version, child.collect())
