"""The measurements run, whatever they find: each on as little as it can be run with."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from benchmarks import appends, crowd, million, rebuild, reconcile, soak, start, time_machine, turn
from benchmarks.report import Result

SMALLEST: dict[str, Callable[[], list[Result]]] = {
    "turn": lambda: turn.measure(sizes=[4], clients=[1, 2], sessions=2, turns=4),
    "crowd": lambda: crowd.measure(streams=[1, 3], workers=[2], messages=4, turns=6),
    "soak": lambda: [soak.table(soak.measure(minutes=0.05, streams=2, sessions=2), "soak")],
    "million": lambda: million.measure(events=300, messages=20, rounds=2),
    "appends": lambda: appends.measure(seconds=0.1, rounds=1),
    "rebuild": lambda: rebuild.measure(sessions=2, messages=3, rounds=1),
    "start": lambda: start.measure(sessions=[2], messages=2),
    "time_machine": lambda: time_machine.measure(events=300, messages=20, rounds=2),
    "reconcile": lambda: reconcile.measure(sizes=[4], rounds=1),
}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("turn", {"first token p50 ms", "added p50 ms", "CPU ms a turn", "turns/s"}),
        ("crowd", {"turns/s", "first token p95 ms", "CPU ms a turn"}),
        ("soak", {"minutes", "turns", "memory MiB", "threads"}),
        ("million", {"seconds", "events/s", "ratio"}),
        ("appends", {"events/s", "ratio"}),
        ("rebuild", {"events/s", "ratio"}),
        ("start", {"answering after s", "memory answering MiB"}),
        ("time_machine", {"p50 ms", "p95 ms"}),
        ("reconcile", {"4 ms"}),
    ],
)
def test_a_benchmark_finds_the_numbers_it_is_for(name: str, columns: set[str]) -> None:
    found, *_ = SMALLEST[name]()

    numbers = [row[column] for row in found.rows for column in columns]
    assert len(numbers) >= len(columns)
    assert all(isinstance(number, float) and number > 0 for number in numbers)


def test_a_name_that_is_no_benchmark_is_told_with_those_that_are() -> None:
    asked = subprocess.run([sys.executable, "-m", "benchmarks", "nope"], capture_output=True, text=True)

    assert asked.returncode == 2
    assert "choose from turn, crowd, appends, rebuild, start, time_machine, reconcile" in asked.stderr


def look(number: int, *, memory: float = 300, threads: int = 20, lag: int = 5) -> soak.Look:
    return soak.Look(minutes=number, turns=number, memory_mib=memory, threads=threads, files=40, lag=lag)


def test_a_server_that_warms_up_and_stays_there_did_not_grow() -> None:
    assert soak.grown([look(number, memory=min(100 * number, 400)) for number in range(1, 13)]) == []


def test_what_grows_under_steady_load_is_named() -> None:
    looks = [look(number, memory=100 + 25 * number, lag=number * 20) for number in range(1, 13)]

    assert soak.grown(looks) == ["memory: 1.38 times as much as before", "views: 240 events behind"]
