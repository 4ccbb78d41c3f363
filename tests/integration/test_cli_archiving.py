"""`heartline import` and `export` of SillyTavern's chat files, on a real data folder with the real model."""

import json
from pathlib import Path

import pytest

from tests.chat_files import EVENING, file_of
from tests.commands import Command, bare, commanding


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare(monkeypatch, tmp_path)


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch) -> Command:
    return commanding(monkeypatch)


@pytest.fixture
def evening() -> str:
    Path("Mira - 2025-10-02.jsonl").write_bytes(file_of(EVENING))
    return "Mira - 2025-10-02.jsonl"


def test_a_chat_file_goes_in_and_comes_out_as_it_was(
    heartline: Command, capsys: pytest.CaptureFixture[str], evening: str
) -> None:
    assert heartline("import", evening, "--as", "evening") == 0
    told = capsys.readouterr().out.splitlines()
    assert heartline("export", "evening", "--format", "sillytavern", "--to", "out.jsonl") == 0

    assert told == [
        "session evening: 6 messages, version 18",
        "3 swipes are kept as earlier replies",
        "4 lines are kept that SillyTavern shows and does not send (hidden, comments, narration, empty)",
    ]
    assert [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()] == EVENING


def test_what_was_imported_is_told_as_json(
    heartline: Command, capsys: pytest.CaptureFixture[str], evening: str
) -> None:
    assert heartline("import", evening, "--as", "evening", "--json") == 0

    assert json.loads(capsys.readouterr().out) == {
        "session_id": "evening",
        "messages": 6,
        "version": 18,
        "swipes": 3,
        "out_of_view": 4,
        "undated": 0,
    }


def test_a_format_that_there_is_not_is_refused(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("export", "evening", "--format", "pdf") == 2

    assert "sillytavern" in capsys.readouterr().err
