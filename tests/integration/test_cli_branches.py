"""The time machine on the command line, over a real data folder with the real model."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Command, bare, commanding

TEA = {
    "messages": [
        {"role": "system", "content": "You are [Maya]."},
        {"role": "user", "content": "My teapot has a chipped spout."},
        {"role": "assistant", "content": "Then pour slowly."},
        {"role": "user", "content": "I am so happy, the [marmalade] is behind the clock!"},
        {"role": "assistant", "content": "Nobody will look there."},
    ]
}
"""Versions: the instruction 2, the persona 3, the messages 4 to 7."""


@pytest.fixture(autouse=True)
def imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare(monkeypatch, tmp_path)
    Path("tea.json").write_text(json.dumps(TEA))
    assert commanding(monkeypatch)("import", "tea.json", "--as", "tea") == 0
    capsys.readouterr()


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch) -> Command:
    return commanding(monkeypatch)


def test_a_session_is_led_back_branched_and_compared(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> str:
        assert heartline(*arguments) == 0
        return capsys.readouterr().out

    assert told("fork", "tea", "--at", "5", "--as", "calm") == "session calm goes on from version 5 of tea\n"
    assert told("carry", "calm", "tea", "6").endswith("I am so happy, the [marmalade] is behind the clock!\n")
    assert told("show", "calm").startswith("calm, version 9: 2 messages\ngoes on from version 5 of tea\n")
    different = told("diff", "tea", "calm")
    assert different.startswith("in common: 2 messages, up to version 5\n")
    assert "Nobody will look there." in different
    assert "carried" in different
    assert "joy" in told("show", "tea")
    assert told("rewind", "tea", "5").startswith("tea is as it was at version 5: 2 messages, version ")
    assert "marmalade" not in told("show", "tea").replace("My teapot", "")
    listed = told("sessions")
    assert all(name in listed for name in ("tea", "calm", "My teapot"))


def test_each_of_them_speaks_json(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> dict[str, Any]:
        assert heartline(*arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)

    assert told("fork", "tea", "--at", "5", "--as", "calm") == {"session_id": "calm", "parent": "tea", "at": 5}
    assert told("carry", "calm", "tea", "6")["from"] == {"session_id": "tea", "version": 6}
    assert told("diff", "tea", "calm")["common"] == {"session_id": "tea", "version": 5, "messages": 2}
    assert told("rewind", "tea", "5")["path_length"] == 2
    assert told("show", "tea", "--at", "7")["messages"] == 4
    assert [row["id"] for row in told("sessions")["data"]] == ["tea", "calm"]


def test_strangers_have_nothing_in_common(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("import", "tea.json", "--as", "milk") == 0
    capsys.readouterr()

    assert heartline("diff", "tea", "milk") == 0
    assert capsys.readouterr().out.startswith("in common: nothing\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rewind", "tea", "99"), "The session has versions 1 to 11; 99 is none of them."),
        (("fork", "tea", "--as", "tea"), "There is a session tea already; fork under another name."),
        (("carry", "tea", "nobody", "4"), "There is no such session."),
        (("show", "nobody"), "There is no such session."),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    heartline: Command, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert heartline(*arguments) == 1
    assert capsys.readouterr().err == f"heartline: {told}\n"
