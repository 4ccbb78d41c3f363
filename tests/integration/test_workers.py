"""The process above the workers, which here is the test's own. The workers do what a test says and never return."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.workers import Worker, worker

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forking, where there are threads


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = [(which, signal.getsignal(which)) for which in (signal.SIGTERM, signal.SIGINT)]
    yield
    for which, handler in before:
        signal.signal(which, handler)


def run_two(work: Callable[[Worker, int], None]) -> int:
    """The exit code of the process above two workers that do this; the second argument is its process id."""
    above = os.getpid()
    try:
        own = worker(2)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    try:
        work(own, above)
    finally:
        os._exit(3)
    return -1


def serve(own: Worker) -> None:
    own.ready()
    signal.pause()


def test_one_alone_is_the_first_and_has_nobody_to_tell() -> None:
    own = worker(1)
    own.ready()

    assert own.is_first


def test_all_end_when_the_process_above_is_told_to_stop() -> None:
    def work(own: Worker, above: int) -> None:
        if not own.is_first:
            os.kill(above, signal.SIGTERM)
        serve(own)

    assert run_two(work) == 0


def test_the_first_interrupt_asks_and_the_second_insists() -> None:
    def work(own: Worker, above: int) -> None:
        signal.signal(signal.SIGTERM, lambda which, frame: os.kill(above, signal.SIGINT) if own.is_first else None)
        if not own.is_first:
            os.kill(above, signal.SIGINT)
        own.ready()
        while True:
            signal.pause()

    assert run_two(work) == 0


def test_what_keeps_the_first_from_serving_ends_all() -> None:
    def work(own: Worker, above: int) -> None:
        os._exit(7)

    assert run_two(work) == 7


def test_a_worker_that_ends_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    born = tmp_path / "born"

    def work(own: Worker, above: int) -> None:
        if not own.is_first:
            with born.open("a") as noted:
                noted.write("!")
            if len(born.read_text()) == 1:
                os._exit(0)
            os.kill(above, signal.SIGTERM)
        serve(own)

    assert run_two(work) == 0
    assert born.read_text() == "!!"
    assert caplog.messages == ["a worker ended (0), another takes its place"]
