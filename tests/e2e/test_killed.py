"""The server is killed in the middle of streaming, again and again: nothing acknowledged is missing.

Acknowledged are a message once its reply has begun, and a reply once its finish reason came.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore
from typing import Any

import httpx2
import openai
import pytest

from api.adapters.sqlite_log import SqliteEventLog
from domain.session import session_id
from tests.e2e.talking import all_identical, ask, messages, stream
from tests.nightly import count
from tests.server_process import ServerProcess, started

pytestmark = pytest.mark.timeout(count(120, 7200))

ROUNDS = count(5, 200)
SESSIONS = ("ferry", "orchard", "attic")
PAUSE = "0.02"
"""So that the kill comes in the middle of a reply."""
NEW = 4
"""Turns of a session that are replayed after a kill, which are those of a round and more; in the end all are."""
LONGEST_WAIT = 130
"""Chunks, of all streams together, that may come before the kill; there are some 180."""


@dataclass
class Client:
    """One who talks in a session, and what it may rely on: the acknowledged texts, and how its last stream went."""

    session: str
    acknowledged: list[str] = field(default_factory=list[str])
    turn: str = ""
    finished: bool = False
    cut: list[str] = field(default_factory=list[str])
    """The turns that were found open after a kill."""

    def talk(self, server: ServerProcess, text: str, **more: int) -> str:
        with server.openai(self.session) as client:
            reply = ask(client, text, **more)
        self.acknowledged += [text, reply.text]
        return reply.text

    def listen(self, server: ServerProcess, text: str, pieces: Semaphore) -> None:
        """Ask, and read the reply to its end or the server's; each chunk releases `pieces`."""
        self.turn, self.finished, said = "", False, ""
        try:
            with server.openai(self.session) as client, stream(client, text) as opened:
                self.turn = opened.response.headers["x-turn-id"]
                self.acknowledged.append(text)
                for chunk in opened:
                    pieces.release()
                    said += "".join(choice.delta.content or "" for choice in chunk.choices)
                    self.finished |= any(choice.finish_reason for choice in chunk.choices)
        except (openai.APIError, httpx2.TransportError):
            pass  # killed: what this is about
        if self.finished:
            self.acknowledged.append(said)

    def check_what_is_left(self, server: ServerProcess) -> None:
        """After a kill. An end may be stored that nobody was told of any more."""
        assert is_within(self.acknowledged, [text for _, text in messages(server, self.session)])
        assert all_identical(server, self.session, last=NEW)
        if self.turn:
            status = self.audit(server, self.turn)["status"]
            assert status in (("completed",) if self.finished else ("completed", "open"))
            self.cut += [self.turn] if status == "open" else []

    def check_the_cut_turns(self, server: ServerProcess) -> None:
        """After the next turn."""
        ends = [self.audit(server, turn) for turn in self.cut]
        assert {(end["status"], end["error"]["code"]) for end in ends} <= {("failed", "abandoned")}
        assert all_identical(server, self.session, last=NEW)

    def audit(self, server: ServerProcess, turn: str) -> Any:
        return server.get(f"/sessions/{self.session}/turns/{turn}")


def is_within(few: Sequence[str], many: Sequence[str]) -> bool:
    """Whether all of the few are among the many, in their order."""
    rest = iter(many)
    return all(text in rest for text in few)


def kill_while_streaming(server: ServerProcess, clients: Sequence[Client], chunks: int) -> None:
    """All clients listen at once; the server is killed when so many chunks have come."""
    pieces = Semaphore(0)
    with ThreadPoolExecutor(len(clients)) as pool:
        for client in clients:
            pool.submit(client.listen, server, f"What do you remember about the {client.session}?", pieces)
        begun = pieces.acquire(timeout=10)
        while begun and (chunks := chunks - 1) and pieces.acquire(timeout=0.5):
            pass
        server.kill()


async def test_nothing_acknowledged_is_missing_after_kills_in_the_middle_of_streaming(tmp_path: Path) -> None:
    chance = random.Random(20260501)
    clients = [Client(session) for session in SESSIONS]
    for number in range(ROUNDS):
        with started(tmp_path, OFFLINE_DELAY_SECONDS=PAUSE) as server:
            for client in clients if number else []:
                client.check_what_is_left(server)
            for client in clients:
                client.talk(server, f"Number {number}: my aunt Selma painted the {client.session} green.", max_tokens=9)
                client.check_the_cut_turns(server)
            kill_while_streaming(server, clients, chance.randint(1, LONGEST_WAIT))

    with started(tmp_path) as server:
        for client in clients:
            client.check_what_is_left(server)
            assert "my aunt Selma painted" in client.talk(server, f"Who painted the {client.session}?")
            client.check_the_cut_turns(server)
            assert all_identical(server, client.session)

    assert sum(len(client.cut) for client in clients) >= ROUNDS
    log = SqliteEventLog(tmp_path / "data" / "events.sqlite")
    assert [log.check(session_id("local", session)).fault for session in SESSIONS] == [None] * len(SESSIONS)
    await log.close()
