"""Several processes that serve together: `heartline serve --workers N`."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import psutil

from tests.e2e.talking import all_identical, ask, messages
from tests.server_process import ServerProcess, run, started


def workers(server: ServerProcess) -> set[int]:
    """Those that live."""
    children = psutil.Process(server.process.pid).children()
    return {child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE}


def until(reached: Callable[[], bool], seconds: float = 30) -> None:
    deadline = monotonic() + seconds
    while not reached():
        assert monotonic() < deadline
        sleep(0.05)


def test_a_killed_worker_is_replaced_and_its_sessions_go_on_with_the_others(tmp_path: Path) -> None:
    with started(tmp_path, WORKERS="2") as server:
        until(lambda: len(workers(server)) == 2)
        with server.openai("ferry") as client:
            ask(client, "My aunt Selma painted the ferry green.", max_tokens=9)

        for one in workers(server):
            os.kill(one, signal.SIGKILL)
            until(lambda: len(workers(server)) == 2)
            with server.openai("ferry") as client:
                assert "Selma" in ask(client, "Who painted the ferry?").text

        assert len(messages(server, "ferry")) == 6
        assert all_identical(server, "ferry")
        assert server.out.count("Heartline listens on") == 1
        assert server.stop() < 10
        assert "another takes its place" in server.errors


def test_the_workers_stop_when_the_process_above_them_is_killed(tmp_path: Path) -> None:
    with started(tmp_path, WORKERS="2") as server:
        until(lambda: len(workers(server)) == 2)
        alive = [psutil.Process(one) for one in workers(server)]

        server.kill()

        _, left = psutil.wait_procs(alive, timeout=20)
        assert left == []


def test_what_keeps_the_first_worker_from_serving_is_told_once(tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", "--workers", "2", EVENT_LOG="postgresql://me:geheim@127.0.0.1:1/log", PORT="0")

    assert refused.returncode == 1
    assert refused.stderr.startswith("heartline: The event log cannot be used: connection failed")
    assert refused.stderr.count("\n") == 1
    assert "geheim" not in refused.stderr
    assert not (tmp_path / "data" / "views").exists()
