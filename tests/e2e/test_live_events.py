"""A session's events are followed live over real HTTP: by one who is cut off, by many, by a slow reader."""

import json
import socket
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Any

import pytest

from benchmarks.console import plain_http
from tests.e2e.talking import events
from tests.server_process import ServerProcess, run, started

MESSAGES = 15
"""Too few to be summarised: whoever counts events knows which there will be."""

LONG = "the sea and the lamp and the wind " * 1000
"""Thirty-four kilobytes: enough of them do not fit into what two sockets hold for a reader."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with started(tmp_path, MAX_IMPORT_MB="50") as server:
        yield server


def bring(server: ServerProcess, name: str, texts: list[str]) -> None:
    said = [{"role": "user", "content": text} for text in texts]
    server.http.post("/sessions/import", params={"id": name}, json={"messages": said}).raise_for_status()


def go_to_and_fro(server: ServerProcess, name: str, times: int) -> None:
    """Each time two events."""
    for number in range(times):
        server.post(f"/sessions/{name}/rewind", {"to": 5 + number % 2 * 5})


@contextmanager
def following(server: ServerProcess, name: str, **headers: str) -> Generator[Iterator[dict[str, Any]]]:
    """The events as they come, on a connection of their own; each has the `id` that its frame had."""
    with (
        plain_http(base_url=server.url) as http,
        http.stream("GET", f"/sessions/{name}/events?follow=true", headers=headers) as stream,
    ):
        yield _events_of(stream.raise_for_status().iter_lines())


def _events_of(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    number = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "id":
            number = value
        elif field == "data":
            yield {**json.loads(value), "id": number}


def read_until(found: Iterator[dict[str, Any]], version: int) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = []
    for event in found:
        read.append(event)
        if event["version"] == version:
            break
    return read


def bring_tea(server: ServerProcess) -> int:
    """The head of the session `tea`, when each of its messages has been read in the background too."""
    bring(server, "tea", [f"Message {number}." for number in range(MESSAGES)])
    head = 1 + 2 * MESSAGES
    with following(server, "tea") as found:
        read_until(found, head)
    return head


def test_who_is_cut_off_and_comes_back_misses_nothing_and_sees_nothing_twice(server: ServerProcess) -> None:
    head = bring_tea(server) + 60
    writer = Thread(target=go_to_and_fro, args=(server, "tea", 30))
    seen: list[dict[str, Any]] = []

    writer.start()
    while not seen or seen[-1]["version"] < head:
        with following(server, "tea", **({"Last-Event-ID": seen[-1]["id"]} if seen else {})) as found:
            # Every time it is cut off somewhere else, in the midst of what is written.
            seen += islice(found, min(1 + len(seen) % 7, head - len(seen)))
    writer.join()

    assert [event["version"] for event in seen] == list(range(1, head + 1))
    assert [{name: event[name] for name in event if name != "id"} for event in seen] == events(server, "tea")


def test_what_another_process_writes_is_told_at_once(server: ServerProcess, tmp_path: Path) -> None:
    head = bring_tea(server)

    with following(server, "tea", **{"Last-Event-ID": str(head)}) as found:
        assert run(tmp_path, "rewind", "tea", "10").returncode == 0
        told = [next(found), next(found)]

    assert [event["type"] for event in told] == ["session.rewound", "session.path-changed"]


def test_many_follow_one_session_and_each_is_told_everything(server: ServerProcess) -> None:
    start = bring_tea(server)
    head = start + 40

    def follow(_: int) -> list[int]:
        with following(server, "tea", **{"Last-Event-ID": str(start)}) as found:
            return [event["version"] for event in read_until(found, head)]

    with ThreadPoolExecutor(60) as pool:
        reading = pool.map(follow, range(60))
        go_to_and_fro(server, "tea", 20)
        told = list(reading)

    assert told == [list(range(start + 1, head + 1))] * 60


def test_a_slow_reader_holds_nobody_up_and_gets_everything_in_the_end(server: ServerProcess) -> None:
    bring(server, "sea", [f"{number} {LONG}" for number in range(300)])
    server.get("/sessions/sea")  # the views have it

    with socket.create_connection(address(server)) as slow:
        slow.settimeout(60)
        slow.sendall(b"GET /sessions/sea/events?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
        took = [timed(lambda: server.get("/sessions/sea/events", limit=1)) for _ in range(10)]
        with following(server, "sea") as found:
            assert len(read_until(found, 301)) == 301
        received = b""
        while b"id: 301\n" not in received:
            received += slow.recv(1 << 20)

    assert median(took) < 5
    assert [f"id: {number}\n".encode() in received for number in range(1, 302)] == [True] * 301


def address(server: ServerProcess) -> tuple[str, int]:
    host, port = server.url.removeprefix("http://").split(":")
    return host, int(port)


def timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
