"""Several processes on one log, many who talk to them at once, and somebody who kills the processes meanwhile.

What a talker may rely on: a message once its reply has begun, and a reply once its end came.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock

import httpx2
import openai
import psutil

from tests.e2e.talking import ask, stream
from tests.server_process import ServerProcess, started

FAILURES = (openai.APIError, httpx2.TransportError, httpx2.HTTPStatusError)

OBJECTS = ("ferry", "lantern", "orchard", "barometer", "violin", "lighthouse")


@dataclass(frozen=True)
class Fleet:
    """The servers, each of which has workers."""

    servers: Sequence[ServerProcess]

    def workers(self) -> list[psutil.Process]:
        """Every process that serves now."""
        above = [psutil.Process(server.process.pid) for server in self.servers]
        children = [child for one in above for child in one.children()]
        return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]

    def stop(self) -> None:
        for server in self.servers:
            server.stop()


@contextmanager
def fleet(folder: Path, *, servers: int, workers: int, **settings: str) -> Generator[Fleet]:
    """So many servers with so many workers each, with folders of their own where there are several."""
    with ExitStack() as stack:
        started_: list[ServerProcess] = []
        for number in range(servers):
            own = folder / f"machine-{number}"
            own.mkdir()
            started_.append(
                stack.enter_context(started(own, WORKERS=str(workers), OFFLINE_DELAY_SECONDS="0.005", **settings))
            )
        yield Fleet(started_)


@dataclass
class Talker:
    """One who talks in a session. `said` are all texts that were sent, none of them twice."""

    session: str
    chance: random.Random
    said: list[str] = field(default_factory=list[str])
    acknowledged: list[str] = field(default_factory=list[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    """How turns failed that a kill hit."""

    def talk(self, servers: Sequence[ServerProcess], number: int) -> bool:
        """One turn with any of the servers, whole or streamed; whether it went well."""
        thing = self.chance.choice(OBJECTS)
        text = f"{self.session}, number {number}: the {thing} stands in room {self.chance.randint(1, 99)}."
        self.said.append(text)
        try:
            with self.chance.choice(servers).openai(self.session) as client:
                if self.chance.random() < 0.5:
                    self.acknowledged += [text, ask(client, text, max_tokens=12).text]
                else:
                    self._listen(client, text)
        except FAILURES as error:
            self.failures[type(error).__name__] += 1
            return False
        return True

    def _listen(self, client: openai.OpenAI, text: str) -> None:
        with stream(client, text, max_tokens=12) as opened:
            self.acknowledged.append(text)
            reply, finished = "", False
            for chunk in opened:
                reply += "".join(choice.delta.content or "" for choice in chunk.choices)
                finished |= any(choice.finish_reason for choice in chunk.choices)
        if finished:
            self.acknowledged.append(reply)


@dataclass
class Killer:
    """Kills a process that serves, again and again, each time after so many more turns."""

    fleet: Fleet
    every: int
    chance: random.Random
    killed: int = 0

    def note(self, turns: int) -> None:
        if turns % self.every:
            return
        if victims := self.fleet.workers():
            os.kill(self.chance.choice(victims).pid, signal.SIGKILL)
            self.killed += 1


def talk_all(talkers: Sequence[Talker], fleet: Fleet, killer: Killer, *, turns: int, at_once: int) -> None:
    """So many turns in all, each talker's in order and never two of its own at once."""
    numbers, lock, free = count(1), Lock(), list(talkers)
    random.Random(1).shuffle(free)

    def turn(_: int) -> None:
        with lock:
            number, talker = next(numbers), free.pop(0)
            killer.note(number)
        talker.talk(fleet.servers, number)
        with lock:
            free.append(talker)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(turn, range(turns)))
