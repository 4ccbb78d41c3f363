"""What a server left running for a year meets, done to a real one. After each: nothing acknowledged is lost, it answers
or says clearly why not, and its health tells of it.
"""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import openai
import pytest

from tests.e2e.talking import all_identical, ask, messages
from tests.e2e.test_killed import is_within
from tests.postgres import crashed, cut_connections, schema
from tests.server_process import ServerProcess, run, started

MEBIBYTE = 1024 * 1024


@contextmanager
def disk(folder: Path, *, mebibytes: int) -> Generator[Path]:
    """A disk of its own, in memory and small."""
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if subprocess.run(options, capture_output=True).returncode:
        pytest.skip("Mounting a disk is not allowed here.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Until not a byte more goes."""
    with file.open("wb", buffering=0) as filler:
        for size in (MEBIBYTE, 4096, 1):
            with suppress(OSError):
                while filler.write(bytes(size)):
                    pass


def say(server: ServerProcess, text: str) -> str:
    with server.openai("chat") as client:
        return ask(client, text).text


def refused(server: ServerProcess, text: str) -> str:
    """What a client is told whose turn cannot be had now: a status of 503, and why."""
    with pytest.raises(openai.InternalServerError) as caught:
        say(server, text)
    assert caught.value.status_code == 503
    return caught.value.message


def texts(server: ServerProcess) -> list[str]:
    return [text for _, text in messages(server, "chat")]


def health(server: ServerProcess) -> tuple[int, str, list[str]]:
    answer = server.http.get("/health")
    told = answer.json()
    return answer.status_code, told["status"], told["reasons"]


def attempt(server: ServerProcess, text: str) -> openai.InternalServerError | None:
    """Say it; what prevented it."""
    try:
        say(server, text)
    except openai.InternalServerError as error:
        return error
    return None


def until_said(server: ServerProcess, text: str, *, seconds: float) -> float:
    """Try again as a client would; how long it took."""
    begun = monotonic()
    while (told := attempt(server, text)) is not None:
        assert told.status_code == 503, told.message
        assert monotonic() - begun < seconds, (told.message, health(server))
        sleep(0.1)
    return monotonic() - begun


def test_a_full_disk_stops_turns_and_loses_none(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", mebibytes=160) as full, started(tmp_path, DATA_DIR=str(full / "data")) as server:
        acknowledged = ["Selma painted the ferry green.", say(server, "Selma painted the ferry green.")]
        fill(full / "filler")

        refusal = until_refused(server, acknowledged)
        status, state, reasons = health(server)

        assert (status, state) == (503, "unavailable")
        assert any("0 MiB left" in reason for reason in reasons)
        assert refusal.status_code == 503
        assert "disk" in refusal.message

        (full / "filler").unlink()
        assert until_said(server, "Who painted the ferry?", seconds=10) < 10
        assert is_within(acknowledged, texts(server))
        assert health(server)[0] == 200
        assert all_identical(server, "chat")


def until_refused(server: ServerProcess, acknowledged: list[str]) -> openai.InternalServerError:
    """Go on as long as there is room in files that are there already; what is told then."""
    for number in range(100):
        text = f"Number {number}: " + "the ferry is green. " * 200
        try:
            acknowledged += [text, say(server, text)]
        except openai.InternalServerError as error:
            return error
    pytest.fail("The disk was never full.")


def test_a_log_that_may_not_be_written_is_said_before_anything_is_served(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", mebibytes=160) as folder:
        with started(tmp_path, DATA_DIR=str(folder / "data")) as server:
            say(server, "Selma painted the ferry green.")
            server.stop()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

        refusal = run(tmp_path, "serve", PORT="0", DATA_DIR=str(folder / "data"))

        assert refusal.returncode == 1
        assert refusal.stderr.startswith("heartline: The event log cannot be used: ")
        assert refusal.stderr.count("\n") == 1
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        with started(tmp_path, DATA_DIR=str(folder / "data")) as server:
            assert "Selma" in say(server, "Who painted the ferry?")


@pytest.mark.parametrize("fault", ["deleted", "overwritten"])
def test_views_that_are_lost_while_serving_come_again_by_themselves(tmp_path: Path, fault: str) -> None:
    with started(tmp_path) as server:
        reply = say(server, "Selma painted the ferry green.")
        for file in (tmp_path / "data/views/0").glob("views.sqlite3*"):
            if fault == "deleted":
                file.unlink()
            elif not file.name.endswith("-shm"):
                file.write_bytes(os.urandom(file.stat().st_size))

        assert until_said(server, "Who painted the ferry?", seconds=10) < 10

        assert texts(server)[:2] == ["Selma painted the ferry green.", reply]
        assert health(server)[:2] == (200, "ok")
        assert all_identical(server, "chat")
        assert "made anew from the log" in server.errors


def test_a_process_that_is_killed_by_a_truncated_index_of_its_views_is_replaced(tmp_path: Path) -> None:
    """SQLite shares an index in memory with other processes; a file cut short under it ends the process (SIGBUS)."""
    with started(tmp_path, WORKERS="2") as server:
        reply = say(server, "Selma painted the ferry green.")
        for file in (tmp_path / "data/views").glob("*/views.sqlite3*"):
            os.truncate(file, 0)

        begun = monotonic()
        while True:
            try:
                answer = say(server, "Who painted the ferry?")
            except openai.APIError:
                assert monotonic() - begun < 30
                sleep(0.2)
            else:
                break

        assert "Selma" in answer
        assert texts(server)[:2] == ["Selma painted the ferry green.", reply]
        assert all_identical(server, "chat")


def test_a_database_that_crashes_is_missed_while_it_is_away_and_used_at_once_when_it_is_back(tmp_path: Path) -> None:
    with schema() as url, started(tmp_path, EVENT_LOG=url) as server:
        reply = say(server, "Selma painted the ferry green.")
        with crashed():
            assert "database of the event log does not answer" in refused(server, "Who painted the ferry?")
            status, state, reasons = health(server)
        assert (status, state) == (503, "unavailable")
        assert any("The event log cannot be used" in reason for reason in reasons)

        assert until_said(server, "Who painted it?", seconds=10) < 5

        cut_connections()
        assert until_said(server, "And what did she paint?", seconds=10) < 5
        assert texts(server)[:2] == ["Selma painted the ferry green.", reply]
        assert "Who painted the ferry?" not in texts(server)
        assert health(server)[:2] == (200, "ok")
        assert all_identical(server, "chat")
