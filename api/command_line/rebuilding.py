"""The command that makes the views anew: `heartline rebuild`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from api.settings import Settings, load_settings
from api.terminal import AsJson, DataDir, progress, say, say_json

if TYPE_CHECKING:
    from projections.ports import EventLog


def rebuild(
    wait: Annotated[
        float, typer.Option("--wait", help="Seconds that running servers are given to take the new views.")
    ] = 60.0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the views anew from the event log, also beside a running server, which takes them when they are whole."""
    position, offers = asyncio.run(_rebuilt(load_settings(data_dir=data_dir)))
    waiting = _not_taken(offers, wait)
    if as_json:
        say_json({"position": position, "waiting": [str(file) for file in waiting]})
        return
    say(f"views rebuilt up to position {position}")
    for file in waiting:
        say(f"{file} was not taken yet: a server of another version runs there, and the next one takes it")


async def _rebuilt(settings: Settings) -> tuple[int, Sequence[Path]]:
    """The position that the new views stand at, and the files that are offered to running servers."""
    from api.wiring.storage import open_log

    log = open_log(settings)
    try:
        return await asyncio.to_thread(_replaced, log, settings.data_dir)
    finally:
        await log.close()


def _replaced(log: "EventLog", folder: Path) -> tuple[int, list[Path]]:
    from projections.rebuild import offer
    from projections.rebuild import rebuild as build
    from projections.slot import claim_free
    from projections.views import delete_database

    free, held = claim_free(folder)
    first, *others = free
    spare = not first.file.exists() and bool(held)
    try:
        with progress("replaying events") as step:
            position = build(log, first.file, step)
        offers = [offer(first.file, views) for views in held]
        # A process that takes one of these later copies another.
        for slot in [*others, *([first] if spare else [])]:
            delete_database(slot.file)
    finally:
        for slot in free:
            slot.close()
    return position, offers


def _not_taken(offers: Sequence[Path], seconds: float) -> list[Path]:
    """Those that are still there after a while."""
    deadline = monotonic() + seconds
    while (left := [file for file in offers if file.exists()]) and monotonic() < deadline:
        sleep(0.1)
    return left
