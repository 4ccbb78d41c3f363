"""What the commands share: the two consoles, and the options that most of them have."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from domain.records import Json

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the event log and the views [DATA_DIR].")]

Owner = Annotated[str, typer.Option("--owner", help="Whose session it is, where there are API keys.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """Print as it is: no markup, no colours, no line broken."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def say_json(value: Json) -> None:
    """Print a value as JSON, indented."""
    say(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
