"""What a command says of what is not there or broken: one sentence on standard error, and an exit code other than 0."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import Command, bare, commanding

HARBOUR = Path(__file__).parents[1] / "fixtures/harbour.json"
VIEWS = Path("data/views/0/views.sqlite3")


@pytest.fixture(scope="module")
def heartline(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A data folder with the harbour; nothing of it is changed."""
    patch = pytest.MonkeyPatch()
    bare(patch, tmp_path_factory.mktemp("refusals"))
    command = commanding(patch)
    assert command("import", str(HARBOUR), "--as", "harbour") == 0
    return command


UNKNOWN = [
    ("show", "nobody"),
    ("audit", "nobody"),
    ("replay", "nobody"),
    ("why-not", "nobody", "2"),
    ("what-if", "nobody"),
    ("rewind", "nobody", "2"),
    ("fork", "nobody", "--at", "2"),
    ("carry", "nobody", "harbour", "2"),
    ("carry", "harbour", "nobody", "2"),
    ("diff", "nobody", "harbour"),
    ("diff", "harbour", "nobody"),
    ("bisect", "nobody", "--query", "cat", "--expect", "grey"),
    ("compare", "nobody", "--policy", "cosine", "--policy", "hybrid"),
    ("verify", "nobody"),
    ("export", "nobody"),
    ("show", "harbour", "--owner", "somebody"),
    ("show", "harbour", "--at", "9999"),
    ("rewind", "harbour", "9999"),
    ("fork", "harbour", "--at", "9999"),
    ("carry", "harbour", "harbour", "9999"),
    ("audit", "harbour", "no-such-turn"),
    ("replay", "harbour", "no-such-turn"),
    ("audit", "harbour"),
    ("import", "no-such-file.json"),
    ("keys", "remove", "12345678"),
]


@pytest.mark.parametrize("command", UNKNOWN, ids=" ".join)
def test_what_is_not_there_is_told_in_one_sentence(
    heartline: Command, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    capsys.readouterr()

    assert heartline(*command) == 1

    said = capsys.readouterr()
    assert said.err.startswith("heartline: ")
    assert (said.err.count("\n"), said.err[-2:], said.out) == (1, ".\n", "")


def test_views_that_are_no_database_are_made_anew(
    heartline: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    assert heartline("backup", str(folder)) == 0
    views = folder / "views/0/views.sqlite3"
    assert heartline("sessions", "--data-dir", str(folder)) == 0
    whole = views.read_bytes()

    for damaged in (b"garbage" * 1000, whole[: len(whole) // 2]):
        views.write_bytes(damaged)
        capsys.readouterr()
        assert heartline("sessions", "--data-dir", str(folder), "--json") == 0
        assert [one["id"] for one in json.loads(capsys.readouterr().out)["data"]] == ["harbour"]
    assert heartline("doctor", "--data-dir", str(folder)) == 0


def test_views_that_turn_out_damaged_while_they_are_read_are_whole_the_next_time(
    heartline: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    assert heartline("backup", str(folder)) == 0
    assert heartline("sessions", "--data-dir", str(folder)) == 0
    views = folder / "views/0/views.sqlite3"
    with closing(sqlite3.connect(views)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with views.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    capsys.readouterr()

    assert heartline("doctor", "--data-dir", str(folder)) == 1
    capsys.readouterr()
    assert heartline("show", "harbour", "--data-dir", str(folder)) == 1
    assert capsys.readouterr().err.endswith("are being made anew from the log: try again in a moment.\n")
    assert heartline("show", "harbour", "--data-dir", str(folder)) == 0
    assert heartline("doctor", "--data-dir", str(folder)) == 0


COMMANDS = [
    "import",
    "rebuild", "config", "sessions", "show", "rewind", "fork", "carry", "diff", "verify", "doctor", "backup",
    "audit", "replay", "why-not", "what-if", "bisect", "compare", "keys add", "keys list", "keys remove",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_answers_answers_in_json_when_asked(
    heartline: Command, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    capsys.readouterr()

    assert heartline(*command.split(), "--help") == 0
    assert "--json" in capsys.readouterr().out
