"""What the commands share: the two consoles, a bar of progress, and the options that most of them have."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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


@contextmanager
def progress(doing: str) -> Generator[Callable[[int, int], None]]:
    """A bar on a terminal; a function that moves it to `done` of `total`, from any thread."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
