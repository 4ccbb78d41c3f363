"""The commands, run in this process as the console script runs them, on a real data folder with the real model."""

import json
import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import httpx2
import pytest

from projections.read_models import ReadModels
from projections.slot import claim_slot
from tests.commands import Command, bare, commanding

TEA = {
    "messages": [
        {"role": "user", "content": "My teapot has a chipped spout.", "time": "2023-05-01T10:00:00Z"},
        {"role": "assistant", "content": "Then pour slowly.", "time": "2023-05-01T10:00:05Z"},
    ]
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare(monkeypatch, tmp_path)


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch) -> Command:
    return commanding(monkeypatch)


@pytest.fixture
def tea(tmp_path: Path) -> Path:
    file = tmp_path / "tea.json"
    file.write_text(json.dumps(TEA))
    return file


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), ["serve", "import", "export", "rebuild"]),
        (("serve",), ["--host", "--port", "--data-dir", "DATA_DIR", "until it is told to stop"]),
        (("import",), ["--as", "--data-dir", "--json", "chat file of SillyTavern", "made up when missing"]),
        (("export",), ["--to", "--format", "--data-dir", "JSON lines"]),
        (("rebuild",), ["--data-dir", "beside a running server", "--wait"]),
        (("sessions",), ["--limit", "--json"]),
        (("show",), ["--at", "--json", "as of a version"]),
        (("rewind",), ["--owner", "--json", "former version"]),
        (("fork",), ["--at", "--as", "--json"]),
        (("carry",), ["--json", "The session that has the message"]),
        (("diff",), ["--json", "The session to compare with"]),
        (("verify",), ["--expect", "--json", "chain head"]),
        (("why-not",), ["--owner", "--json", "asked about", "what was missing"]),
        (("what-if",), ["--policy", "--top-k", "--budget", "Stores nothing"]),
        (("bisect",), ["--query", "--expect", "--expect-version", "by halves"]),
        (("compare",), ["--policy", "--questions", "Given twice"]),
    ],
)
def test_every_command_explains_itself(
    heartline: Command, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], words: list[str]
) -> None:
    assert heartline(*command, "--help") == 0

    told = capsys.readouterr().out
    assert [word for word in words if word not in told] == []


def test_a_session_goes_in_and_out_and_in_again(
    heartline: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path, tea: Path
) -> None:
    assert heartline("import", str(tea), "--as", "tea") == 0
    assert capsys.readouterr().out == "session tea: 2 messages, version 3\n"

    assert heartline("export", "tea", "--to", "out.jsonl") == 0
    assert heartline("export", "tea") == 0
    written, printed = Path("out.jsonl").read_bytes().splitlines(), capsys.readouterr().out.encode().splitlines()
    assert written[1:] == printed[1:]
    header, *lines = [json.loads(line) for line in written]
    # The two emotions are read by the import as well, and each text's body and query have their vectors.
    assert header["version"] == 5
    assert [line["type"] for line in lines if "type" in line][-2:] == ["session.emotion-detected"] * 2
    assert {line["version"] for line in lines if "vector" in line} == {2, 3}

    assert heartline("import", "out.jsonl", "--as", "tea", "--data-dir", str(tmp_path / "other")) == 0
    assert heartline("rebuild", "--data-dir", str(tmp_path / "other")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "session tea: 2 messages, version 5",
        "views rebuilt up to position 5",
    ]


def test_the_server_serves_until_it_is_told_to_stop(
    heartline: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_MODEL", "llama3.2")
    port = _free_port()
    answered: list[int] = []
    visitor = Thread(target=lambda: answered.append(_visit_and_stop(port)))
    visitor.start()

    assert heartline("serve", "--host", "localhost", "--port", str(port)) == 0

    visitor.join()
    assert answered == [200]
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"Heartline listens on http://localhost:{port}",
        "Model llama3.2 (openai), embeddings minilm-l6-v2:53aa5117:int8:mean:f16",
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _visit_and_stop(port: int) -> int:
    deadline = monotonic() + 30
    while monotonic() < deadline:
        try:
            status = httpx2.get(f"http://127.0.0.1:{port}/health").status_code
        except httpx2.TransportError:
            sleep(0.05)
        else:
            os.kill(os.getpid(), signal.SIGTERM)
            return status
    return 0


# -- what goes wrong is one sentence -----------------------------------------------------------------------------------


def test_a_wrong_setting_is_told(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("serve", "--host", "192.0.2.7") == 2
    assert capsys.readouterr().err.startswith("heartline: HOST is '192.0.2.7', but should be 127.0.0.1")


def test_a_port_in_use_is_told(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert heartline("serve", "--port", str(port)) == 1

    printed = capsys.readouterr()
    assert printed.err == f"heartline: Cannot listen on 127.0.0.1, port {port}: address already in use.\n"
    assert printed.out == ""


def test_a_file_that_is_not_there_is_told(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("import", "nowhere.json") == 1
    assert capsys.readouterr().err == "heartline: nowhere.json: no such file or directory.\n"


def test_a_data_folder_that_cannot_be_made_is_told(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()

    assert heartline("rebuild", "--data-dir", "file/data") == 1
    assert capsys.readouterr().err == "heartline: file/data: not a directory.\n"


def test_a_session_that_is_not_there_is_told(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("export", "nobody") == 1
    assert capsys.readouterr().err == "heartline: There is no such session.\n"


def test_a_broken_file_is_told_by_its_line_and_nothing_is_stored(
    heartline: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cut.jsonl").write_text('{"role":"user","content":"a"}\n{"role":"user","content"')

    assert heartline("import", "cut.jsonl", "--as", "cut") == 1

    assert capsys.readouterr().err.startswith("heartline: Line 2, the last, is cut off")
    assert not Path("data").exists()


def test_views_that_a_process_has_open_wait_beside_them_for_one_that_takes_them(
    heartline: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = Path("data/views/0/views.sqlite3.rebuilt")
    with closing(claim_slot(Path("data"))) as slot, closing(ReadModels.open(slot.file)):
        assert heartline("rebuild", "--wait", "0.1", "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"position": 0, "waiting": [str(waiting)]}
        assert waiting.exists()

    assert heartline("show", "nobody") == 1

    assert not waiting.exists()
    assert [path.name for path in Path("data/views/1").iterdir()] == ["lock"]


def test_views_beside_the_first_are_thrown_away_by_a_rebuild(heartline: Command) -> None:
    with closing(claim_slot(Path("data"))), closing(claim_slot(Path("data"))) as second:
        ReadModels.open(second.file).close()

    assert heartline("rebuild") == 0

    assert not second.file.exists()


def test_an_interrupted_command_ends_as_an_interrupted_command_does(heartline: Command) -> None:
    # A pipe holds the import at its reading until the signal is there.
    os.mkfifo("pipe")
    interrupter = Thread(target=_interrupt_reader, args=("pipe",))
    interrupter.start()

    assert heartline("import", "pipe") == 130

    interrupter.join()


def _interrupt_reader(pipe: str) -> None:
    with Path(pipe).open("w"):
        os.kill(os.getpid(), signal.SIGINT)
        sleep(1.0)
