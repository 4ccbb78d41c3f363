"""Sessions brought in and out: `heartline import | export`."""

import asyncio
import sys
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from api.access.keys import LOCAL
from api.settings import Settings, load_settings
from api.terminal import AsJson, DataDir, Owner, progress, say, say_json
from domain.records import JsonObject


class Format(StrEnum):
    """What a session is written as: all that happened, or what is in view with its swipes."""

    HEARTLINE = "heartline"
    SILLYTAVERN = "sillytavern"


def import_(
    file: Annotated[
        Path, typer.Argument(help="A chat file of SillyTavern, a message list, or an export of Heartline.")
    ],
    session: Annotated[str | None, typer.Option("--as", help="Name of the new session; made up when missing.")] = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a session of a conversation in a file, with its dates, and read it in: vectors and emotions."""
    made = asyncio.run(_import(load_settings(data_dir=data_dir), file, session, owner))
    if as_json:
        say_json(made)
        return
    say(f"session {made['session_id']}: {made['messages']} messages, version {made['version']}")
    for what, told in _BESIDE.items():
        if made.get(what):
            say(told.format(made[what]))


_BESIDE = {
    "swipes": "{} swipes are kept as earlier replies",
    "out_of_view": "{} lines are kept that SillyTavern shows and does not send (hidden, comments, narration, empty)",
    "undated": "{} lines have a date that cannot be read; each follows the one before by a second",
}


async def _import(settings: Settings, file: Path, session: str | None, owner: str) -> JsonObject:
    from api.bootstrap import running
    from api.wire.session_request import parse_import
    from domain.session import session_id

    payload = await asyncio.to_thread(lambda: parse_import(file.read_bytes()))
    # A broken line is told before anything is started and stored.
    await asyncio.to_thread(lambda: deque(cast("Sequence[object]", payload.get("lines", ())), maxlen=0))
    async with running(settings) as system:
        with progress("reading lines") as step:
            made = await system.archive.import_(owner, payload, session, progress=step)
        with progress("reading texts") as step:
            await system.aftercare.look_after(session_id(owner, str(made["session_id"])), step)
    return made


def export(
    session: Annotated[str, typer.Argument(help="The session's name.")],
    to: Annotated[Path | None, typer.Option("--to", help="File to write; standard output when missing.")] = None,
    form: Annotated[Format, typer.Option("--format", help="All of it, or a chat file.")] = Format.HEARTLINE,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
) -> None:
    """Write a session as JSON lines: all its events and vectors, or what is in view as a chat file of SillyTavern."""
    asyncio.run(_export(load_settings(data_dir=data_dir), (owner, session), to, form))


async def _export(settings: Settings, whose: tuple[str, str], to: Path | None, form: Format) -> None:
    from api.bootstrap import assembled

    async with assembled(settings) as system:
        write = system.archive.export_chat if form is Format.SILLYTAVERN else system.archive.export
        pieces = [piece async for piece in write(*whose)]
    if to is None:
        sys.stdout.buffer.write(b"".join(pieces))
    else:
        await asyncio.to_thread(to.write_bytes, b"".join(pieces))
