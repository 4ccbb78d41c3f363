"""`heartline doctor` with its event log in a real PostgreSQL."""

import json
import socket
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Command, bare, commanding
from tests.postgres import ask, over, schema

HARBOUR = Path(__file__).parents[1] / "fixtures/harbour.json"


@pytest.fixture
def url() -> Generator[str]:
    with schema() as made:
        yield made


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> Command:
    bare(monkeypatch, tmp_path)
    monkeypatch.setenv("EVENT_LOG", url)
    return commanding(monkeypatch)


def examined(heartline: Command, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    capsys.readouterr()
    code = heartline("doctor", "--json")
    return code, {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}


def test_an_empty_database_is_well_and_stays_empty(
    heartline: Command, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    code, found = examined(heartline, capsys)

    assert (code, found["log"]["found"][:22]) == (0, "Nothing is stored yet;")
    assert ask("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()", url=url) == [(0,)]
    assert not Path("data").exists()


def test_what_is_in_order_is_well_and_a_changed_event_is_named(
    heartline: Command, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert heartline("import", str(HARBOUR), "--as", "harbour") == 0
    well = examined(heartline, capsys)
    ask("UPDATE stored_events SET state = state || ' '::bytea WHERE originator_version = 3", url=url)
    ill = examined(heartline, capsys)

    assert well[0] == 0
    assert {one["state"] for one in well[1].values()} == {"ok"}
    assert (ill[0], ill[1]["chain"]["found"]) == (1, "harbour: event 3: its contents were changed.")


def test_a_database_that_does_not_answer_is_told(
    heartline: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("EVENT_LOG", over(port, url).replace("postgres@", "postgres:hush@"))

    code, found = examined(heartline, capsys)

    assert (code, found["log"]["state"], "hush" in str(found)) == (1, "wrong", False)
    assert "EVENT_LOG" in found["log"]["mend"]
