"""What the commands share: the two consoles, and the option that all of them have."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the event log and the views [DATA_DIR].")]

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """Print as it is: no markup, no colours, no line broken."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)
