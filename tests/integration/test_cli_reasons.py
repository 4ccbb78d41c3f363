"""The commands that ask why, on a real data folder with the real model: their tables, their JSON, their exit codes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import assembled, running
from api.chat.request import Address, TurnRequest
from api.settings import load_settings
from api.wire.session_request import parse_import
from api.wiring.storage import open_log
from domain.messages import Message
from tests.commands import Command, bare, commanding
from tests.system import read

HARBOUR = Path(__file__).parents[1] / "fixtures/harbour.json"


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """A data folder with the harbour, talked on twice with a window of two messages."""
    bare(monkeypatch, tmp_path)
    monkeypatch.setenv("MAX_WORKING_MEMORY_SIZE", "2")
    monkeypatch.setenv("RAG_TOP_K", "3")
    command = commanding(monkeypatch)
    assert command("import", str(HARBOUR), "--as", "harbour") == 0
    asyncio.run(_talk("What does my cat look like?", "Who helped me with the piano?"))
    return command


async def _talk(*said: str) -> None:
    async with running(load_settings()) as system:
        for text in said:
            message = Message(role="user", text=text, said_at="2026-05-01T12:00:00+00:00")
            request = TurnRequest(
                owner="local",
                address=Address(external_id="harbour", identified_by="header"),
                messages=[message],
                model=None,
                parameters={},
                arrived=0.0,
                parse_ms=0.0,
            )
            await read(await system.turns.answer(request))


def test_each_command_tells_in_tables_and_in_json(
    heartline: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def told(*arguments: str) -> str:
        capsys.readouterr()
        assert heartline(*arguments) == 0
        return capsys.readouterr().out

    def answer(*arguments: str) -> dict[str, Any]:
        return json.loads(told(*arguments, "--json"))

    audited = answer("audit", "harbour")
    turn = audited["id"]
    assert (audited["status"], audited["policy"]["name"]) == ("completed", "heartline")
    shown = told("audit", "harbour", turn)
    assert f"turn {turn} of harbour: completed" in shown
    assert "kept" in shown
    assert "not listed:" in shown

    assert answer("replay", "harbour")["identical"] is True
    assert told("replay", "harbour", turn).startswith("identical\n")

    assert answer("why-not", "harbour", "4")["verdict"] == "kept"
    assert told("why-not", "harbour", "4", turn).startswith("version 4: kept\nIt was recalled: rank 1, ")

    imagined = answer("what-if", "harbour", "--policy", "cosine", "--top-k", "1")
    assert (imagined["reproduced"], len(imagined["what_if"]["kept"])) == (True, 1)
    assert "cosine would have kept 1 in" in told("what-if", "harbour", "--policy", "cosine", "--top-k", "1")

    bisected = answer("bisect", "harbour", "--query", "Who helped with the piano?", "--expect", "Ingrid")
    assert (bisected["outcome"], bisected["expected"][0]) == ("recalled", 4)
    lost = ("bisect", "harbour", "--query", "Who helped me with the piano?", "--expect-version", "4", "--k", "1")
    blamed = answer(*lost)
    assert (blamed["outcome"], blamed["event"]["data"]["text"]) == ("lost", "Who helped me with the piano?")
    assert f"no longer as of {blamed['lost_at']}" in told(*lost)
    never = told("bisect", "harbour", "--query", "What does my cat look like?", "--expect-version", "13", "--k", "1")
    assert "never found" in never

    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps([{"question": "Who helped me with the piano?", "evidence": [4]}]))
    pair = ("compare", "harbour", "--policy", "heartline", "--policy", "cosine", "--questions", str(questions))
    compared = answer(*pair)
    assert [one["compared"] for one in compared["sessions"]] == [2]
    assert compared["sessions"][0]["questions"]["recall"][0] == 1.0
    assert "100.0%" in told(*pair)

    present = ("--embedder", "minilm-l6-v2-int8")
    compared = answer("compare", "harbour", *present, *present, "--questions", str(questions))
    (same,) = compared["sessions"]
    assert (same["compared"], same["changed"], same["overlap"], same["missing"]) == (2, 0, 1.0, [0, 0])
    assert same["questions"]["recall"] == [1.0, 1.0]
    assert "no vector" not in told("compare", "harbour", *present, *present)


def test_a_question_appends_nothing(heartline: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "more.json"
    file.write_text(json.dumps([{"role": "user", "content": f"Line {number}"} for number in range(40)]))
    asyncio.run(_bring_in(file.read_bytes()))  # nothing is read in it, and a summary is due
    before = _ends()

    assert heartline("audit", "harbour") == 0
    assert heartline("show", "more") == 0

    assert _ends() == before


async def _bring_in(raw: bytes) -> None:
    async with assembled(load_settings()) as system:
        await system.archive.import_("local", parse_import(raw), "more")


def _ends() -> tuple[int, int]:
    log = open_log(load_settings())
    ends = log.last_position(), log.last_sequence()
    asyncio.run(log.close())
    return ends


def test_what_cannot_be_asked_is_said_in_one_sentence(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        ("audit", "nowhere"): "There is no such session.",
        ("replay", "harbour", "no-turn"): "There is no such turn.",
        ("why-not", "harbour", "999"): "999 is none of them",
        ("what-if", "harbour", "--policy", "magic"): "known are cosine, heartline, hybrid",
        ("what-if", "harbour", "--budget", "5"): "exceed the context window of 5",
        ("bisect", "harbour", "--query", "x"): "either --expect or --expect-version",
        ("bisect", "harbour", "--query", "x", "--expect", "xylophone"): "Nothing that was ever said",
        ("compare", "harbour", "--policy", "cosine"): "either --policy twice or --embedder twice",
        (
            "compare",
            "harbour",
            *2 * ("--policy", "cosine"),
            "--embedder",
            "x",
        ): "either --policy twice or --embedder twice",
    }
    for arguments, words in wrong.items():
        assert heartline(*arguments) == 1, arguments
        assert words in capsys.readouterr().err
    assert heartline("why-not", "harbour", "0") == 2
