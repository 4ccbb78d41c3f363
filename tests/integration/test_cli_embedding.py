"""`heartline embed` on a real data folder with the real model."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from api.bootstrap import assembled
from api.command_line.embedding import what_next
from api.settings import load_settings
from api.wire.session_request import parse_import
from tests.commands import Command, bare, commanding
from tests.postgres import ask, schema

LINES = 200
PRESENT, OTHER = "minilm-l6-v2-int8", "minilm-l6-v2"
EMBED = ("embed", "--model", OTHER)


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """A data folder with a session in which nothing was read yet."""
    bare(monkeypatch, tmp_path)
    bring_in()
    return commanding(monkeypatch)


@pytest.fixture
def on_postgresql(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[tuple[Command, str]]:
    """The same, its log in a schema of a PostgreSQL."""
    bare(monkeypatch, tmp_path)
    with schema() as url:
        monkeypatch.setenv("EVENT_LOG", url)
        bring_in()
        yield commanding(monkeypatch), url


def bring_in() -> None:
    lines = [{"role": "user", "content": f"Boat number {number} lies in the harbour."} for number in range(LINES)]
    asyncio.run(_bring_in(json.dumps(lines).encode()))


async def _bring_in(raw: bytes) -> None:
    async with assembled(load_settings()) as system:
        await system.archive.import_("local", parse_import(raw), "boats")


def rows(table: str) -> int:
    with closing(sqlite3.connect("data/events.sqlite")) as db:
        (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    return count


def test_everything_is_encoded_once_and_no_event_is_appended(
    heartline: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows("stored_events")

    assert heartline(*EMBED, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["encoded"], told["left"]) == (OTHER, LINES, 0)
    assert rows("vectors") == 2 * LINES  # with token vectors

    assert heartline(*EMBED) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"0 texts encoded by {told['embedder']}",
        *what_next(OTHER, PRESENT, 0),
    ]
    assert rows("stored_events") == before


def test_a_log_in_postgresql_gets_its_vectors_too(
    on_postgresql: tuple[Command, str], capsys: pytest.CaptureFixture[str]
) -> None:
    heartline, url = on_postgresql

    told: list[int] = []
    for _ in range(2):
        assert heartline(*EMBED, "--json") == 0
        told.append(json.loads(capsys.readouterr().out)["encoded"])

    assert told == [LINES, 0]
    assert ask("SELECT count(*) FROM vectors", url=url) == [(2 * LINES,)]


def test_interrupted_it_keeps_what_it_did_and_goes_on_from_there(
    heartline: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupter = Thread(target=_interrupt_once_encoding)
    interrupter.start()

    assert heartline(*EMBED) == 130
    interrupter.join()
    assert "the same command goes on from there" in capsys.readouterr().err
    done = rows("vectors") // 2
    assert 0 < done < LINES

    assert heartline(*EMBED, "--json") == 0
    assert json.loads(capsys.readouterr().out)["encoded"] == LINES - done


def _interrupt_once_encoding() -> None:
    while not rows("vectors"):
        sleep(0.005)
    os.kill(os.getpid(), signal.SIGINT)


def test_it_says_what_is_left_and_what_to_do_next() -> None:
    assert what_next("new", "new", 0) == []
    assert what_next("new", "new", 2) == [
        "2 texts still lack a vector: they were said meanwhile, or another process encodes them"
    ]
    assert what_next("new", "old", 0) == [
        "next: heartline compare SESSION --embedder old --embedder new",
        "then: restart with EMBEDDING_MODEL=new; the server encodes what is said until then",
    ]


def test_a_comparison_says_what_has_no_vector_yet(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline(*EMBED) == 0
    capsys.readouterr()

    assert heartline("compare", "boats", "--embedder", PRESENT, "--embedder", OTHER) == 0

    told = capsys.readouterr().out
    assert f"session boats: {LINES} texts have no vector of {PRESENT} yet, so 0 turns are left out." in told
    assert f"vector of {OTHER} yet" not in told


def test_a_model_that_there_is_not_is_said_in_one_sentence(
    heartline: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert heartline("embed", "--model", "magic") == 2

    assert capsys.readouterr().err.startswith("heartline: EMBEDDING_MODEL is 'magic', but should be ")
