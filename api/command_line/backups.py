"""The command that saves what cannot be made again: `heartline backup`."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from api.settings import Settings, load_settings
from api.terminal import AsJson, DataDir, progress, say, say_json
from domain.errors import Conflict


def backup(
    to: Annotated[
        Path, typer.Argument(help="Folder to make. It is a data folder: `heartline serve --data-dir` of it.")
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy the event log and the hashes of the API keys, while the server runs too. Views are made anew from them."""
    position = _backed_up(load_settings(data_dir=data_dir), to)
    if as_json:
        say_json({"folder": str(to), "position": position})
    else:
        say(f"{to}: the log up to position {position}")


def _backed_up(settings: Settings, to: Path) -> int:
    """Under another name until it is whole: a folder named `to` is a whole backup."""
    from api.wiring.storage import back_up_log

    if to.exists():
        raise Conflict(f"{to} exists already. Name a folder that does not.")
    half = to.with_name(f"{to.name}.partial")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    try:
        with progress("copying pages") as step:
            position = back_up_log(settings, half, step)
        with suppress(FileNotFoundError):
            shutil.copy2(settings.key_file, half)
        half.rename(to)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    return position
