"""The command that looks whether everything is well, and says how to mend what is not: `heartline doctor`."""

import asyncio
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Final

import typer
from rich.table import Column, Table
from rich.text import Text

from api.doctor.findings import Finding, State, ok, wrong
from api.settings import SettingsError, load_settings
from api.terminal import AsJson, DataDir, err, out, say, say_json

STYLES: Final[dict[State, str]] = {"ok": "green", "wrong": "red", "unchecked": "yellow"}


def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look whether everything is well: log, chain, views, vectors, keys, models, disk, clock. Changes nothing.

    Says how to mend what is not, and then exits with 1. A server may run meanwhile. The language model's provider is
    asked for its list of models, which costs nothing.
    """
    with err.status("examining") if err.is_terminal else nullcontext():
        findings = asyncio.run(_examined(data_dir))
    well = all(one.state != "wrong" for one in findings)
    if as_json:
        say_json({"well": well, "checks": [asdict(one) for one in findings]})
    else:
        _show(findings)
    if not well:
        raise typer.Exit(1)


async def _examined(data_dir: Path | None) -> list[Finding]:
    try:
        settings = load_settings(data_dir=data_dir)
    except SettingsError as error:
        mend = "Set it right in the environment or in .env; `heartline config` then shows all of them."
        return [wrong("settings", str(error), mend)]
    # Imported here: `heartline --help` does not wait for it.
    from api.wiring.examining import examining

    async with examining(settings) as examined:
        return [ok("settings", "All of them are valid."), *await examined.examine()]


def _show(findings: list[Finding]) -> None:
    table = Table("check", "state", Column("found", overflow="fold"))
    for one in findings:
        table.add_row(one.check, Text(one.state, style=STYLES[one.state]), Text(one.found))
    out.print(table)
    for one in findings:
        if one.mend is not None:
            say(f"{one.check}: {one.mend}")
