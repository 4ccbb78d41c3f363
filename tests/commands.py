"""Commands of the console script, run in the test's own process."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from api.cli import main
from api.settings import Settings

Command = Callable[..., int]


def bare(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """No variable of ours is set, and the working folder is this one, with neither `.env` nor data."""
    for field in (*Settings.model_fields, "db_path"):
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.chdir(folder)


def commanding(monkeypatch: pytest.MonkeyPatch) -> Command:
    """What runs a command and returns its exit code."""

    def command(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["heartline", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return cast("int", end.value.code)

    return command
