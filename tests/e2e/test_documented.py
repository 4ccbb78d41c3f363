"""What docs/time-machine.md shows is what happens: its commands are run one after another, and say what it says."""

import json
import re
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, run, started

ROOT = Path(__file__).parents[2]
WALK = ROOT / "docs" / "time-machine.md"


def steps(page: str) -> Iterator[tuple[list[str], str]]:
    """Each command of the page's console blocks, and what is shown under it."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            yield shlex.split(command), shown


def pattern(shown: str) -> re.Pattern[str]:
    """What may stand for it: `…` is anything, on a line of its own any number of lines."""
    escaped = "".join(".*\n" if line == "…\n" else _line(line) for line in shown.splitlines(keepends=True))
    return re.compile(escaped, re.DOTALL)


def _line(line: str) -> str:
    return "[^\n]*".join(map(re.escape, line.rstrip("\n").split("…"))) + "[ ]*\n"


def ask(server: ServerProcess, arguments: list[str]) -> str:
    url, body = next(one for one in arguments if one.startswith("http")), arguments[arguments.index("-d") + 1]
    answer = server.http.post(url.removeprefix("http://127.0.0.1:8000"), json=json.loads(body))
    return answer.raise_for_status().text + "\n"


def tamper(folder: Path, file: str, statement: str) -> str:
    with closing(sqlite3.connect(folder / file)) as db:
        db.execute(statement)
        db.commit()
    return ""


@pytest.mark.timeout(300)  # a dozen processes, one after another
def test_every_command_of_the_walk_says_what_the_page_shows(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    shutil.copytree(ROOT / "tests" / "fixtures", tmp_path / "tests" / "fixtures")
    found = list(steps(WALK.read_text()))
    told: list[str] = []

    with started(tmp_path) as server:
        for (program, *arguments), shown in found:
            match program:
                case "heartline":
                    done = run(tmp_path, *arguments, COLUMNS="100")
                    said = done.stdout + done.stderr
                case "curl":
                    said = ask(server, arguments)
                case _:
                    said = tamper(tmp_path, *arguments)
            if pattern(shown).fullmatch(said) is None:
                told.append(f"$ {program} {' '.join(arguments)}\n{said}")

    assert not told, "\n".join(told)
    assert len(found) == 18
