"""A backup is a data folder: whole, taken while the log is written to, and never half there."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.adapters.sqlite_backup import copy_log
from api.adapters.sqlite_log import SqliteEventLog
from domain.errors import Unavailable
from domain.session import session_id
from tests.commands import Command, bare, commanding
from tests.integration.test_durability import CHILD, REPOSITORY


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare(monkeypatch, tmp_path)


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch) -> Command:
    return commanding(monkeypatch)


def talk(name: str) -> None:
    Path(f"{name}.json").write_text(json.dumps({"messages": [{"role": "user", "content": f"I am {name}."}]}))


def test_a_server_goes_on_from_a_backup_with_its_keys(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    talk("tea")
    assert heartline("import", "tea.json", "--as", "tea") == 0
    assert heartline("keys", "add", "mira") == 0
    capsys.readouterr()

    assert heartline("backup", "saved/today", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == "saved/today"
    assert told["position"] > 0
    assert Path("saved/today/api-keys").read_bytes() == Path("data/api-keys").read_bytes()
    assert heartline("show", "tea", "--data-dir", "saved/today") == 0
    assert "I am tea." in capsys.readouterr().out
    assert heartline("verify", "--data-dir", "saved/today") == 0


def test_what_was_acknowledged_before_the_backup_is_in_it_while_another_process_writes(tmp_path: Path) -> None:
    log, copied = tmp_path / "events.sqlite", tmp_path / "copy.sqlite"
    command = [sys.executable, str(CHILD), str(log)]
    with subprocess.Popen(command, cwd=REPOSITORY, env={"PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        before = [int(child.stdout.readline()) for _ in range(200)][-1]
        position = copy_log(log, copied, lambda done, total: None)
        after = int(child.stdout.readline())
        child.kill()

    assert before <= position
    assert after > before  # nobody who writes was held up
    asyncio.run(check(copied, position))


async def check(file: Path, version: int) -> None:
    log, session = SqliteEventLog(file), session_id("local", "the killed one")
    assert (await log.load(session)).version == version
    assert log.check(session).fault is None
    await log.close()


def test_a_log_in_postgresql_is_left_to_its_own_means(
    heartline: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENT_LOG", "postgresql://127.0.0.1:1/none")

    assert heartline("backup", "saved") == 1

    assert "pg_dump" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_a_backup_overwrites_nothing(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    talk("tea")
    heartline("import", "tea.json", "--as", "tea")
    Path("saved").mkdir()
    capsys.readouterr()

    assert heartline("backup", "saved") == 1

    assert capsys.readouterr().err == "heartline: saved exists already. Name a folder that does not.\n"
    assert list(Path("saved").iterdir()) == []


def test_where_there_is_no_log_nothing_is_left_behind(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("backup", "saved") == 1

    assert capsys.readouterr().err == "heartline: There is no event log data/events.sqlite to copy.\n"
    assert list(Path.cwd().iterdir()) == []


def test_a_damaged_log_makes_no_backup(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    talk("tea")
    heartline("import", "tea.json", "--as", "tea")
    with Path("data/events.sqlite").open("r+b") as log:
        log.seek(4096)  # the second page: the root of a table
        log.write(b"\xff" * 4096)
    capsys.readouterr()

    assert heartline("backup", "saved") == 1

    assert capsys.readouterr().err.startswith("heartline: The ")
    assert not list(Path.cwd().glob("saved*"))


def test_a_file_that_is_no_log_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"not a database at all" * 100)

    with pytest.raises(Unavailable, match="cannot be copied"):
        copy_log(tmp_path / "events.sqlite", tmp_path / "copy.sqlite", lambda done, total: None)
