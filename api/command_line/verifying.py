"""The command that looks for tampering: `heartline verify`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from api.access.keys import LOCAL
from api.settings import load_settings
from api.terminal import AsJson, DataDir, Owner, err, out, say, say_json
from api.verification import TOLD, Checked, Verified
from domain.records import Json


def verify(
    sessions: Annotated[list[str] | None, typer.Argument(help="Names of sessions; the whole log when missing.")] = None,
    expect: Annotated[
        str | None, typer.Option("--expect", help="A chain head, as an audit or export showed it, of the one session.")
    ] = None,
    owner: Owner = LOCAL,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find events that were changed, dropped, moved or inserted by hand. Exits with 1 where anything is wrong."""
    found = asyncio.run(_verified(data_dir, owner, sessions or [], expect))
    if as_json:
        say_json(_told(found))
    else:
        _show(found)
    if not found.intact:
        raise typer.Exit(1)


async def _verified(data_dir: Path | None, owner: str, names: list[str], expect: str | None) -> Verified:
    from api.verification import verify
    from api.wiring.storage import open_log

    log = open_log(load_settings(data_dir=data_dir))
    try:
        return await asyncio.to_thread(verify, log, owner, names, expect)
    finally:
        await log.close()


def _told(found: Verified) -> dict[str, Json]:
    return {
        "intact": found.intact,
        "missing_position": found.missing_position,
        "expected_at": found.expected,
        "sessions": [_session_json(one) for one in found.checked],
    }


def _session_json(checked: Checked) -> dict[str, Json]:
    fault = checked.fault
    return {
        "session_id": checked.name,
        "stream": checked.session.hex,
        "owner": checked.owner,
        "version": checked.version,
        "head": checked.head,
        "fault": {"version": fault.version, "damage": fault.damage} if fault is not None else None,
    }


def _show(found: Verified) -> None:
    table = Table("session", "version", Column("chain head", overflow="fold"), "found")
    for one in found.checked:
        table.add_row(_name(one), str(one.version), one.head, "broken" if one.fault is not None else "intact")
    out.print(table)
    for one in found.checked:
        if one.fault is not None:
            _complain(f"{_name(one)}: event {one.fault.version}: {TOLD[one.fault.damage]}.")
    if found.missing_position is not None:
        _complain(f"An event was dropped: the log has none at position {found.missing_position}.")
    if found.asked and found.expected is None:
        _complain("The session never had the head that was expected: its past was rewritten, or its end cut off.")
    if found.expected is not None:
        say(f"The head that was expected is that of version {found.expected}.")


def _name(checked: Checked) -> Text:
    return Text(checked.name or checked.session.hex)


def _complain(text: str) -> None:
    err.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
