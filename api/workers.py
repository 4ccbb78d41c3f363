"""Several processes that serve on the same sockets, and one above them that keeps their number.

    sockets -> worker(count) --fork--> the first, in which it returns; when that serves, all the others
                    |
                    +-- the process above: starts a killed worker again, passes signals on, ends with the last of them

The first one builds the views where there are none, and the others copy them. What keeps it from serving it says
itself, and all is over with its exit code. The process above opens nothing but the sockets: no log, no thread, no loop,
so it can fork at any time. Should it be killed itself, its workers stop as if they had been told to.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from time import sleep
from types import FrameType
from typing import Final

AGAIN_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a process that serves must know: whether it speaks for all, and whom to tell when it serves."""

    is_first: bool = True
    ready: Callable[[], None] = lambda: None


def worker(count: int) -> Worker:
    """Returns in each of so many processes. One alone needs nobody above it."""
    return _Keeper(count).run() if count > 1 else Worker()


@dataclass
class _Keeper:
    """The process above the workers."""

    count: int
    stopping: bool = False
    workers: set[int] = field(default_factory=set[int])
    """Their process ids."""

    def run(self) -> Worker:
        """Returns in the workers only; the process above exits here."""
        alive = os.pipe()  # which ends for the workers when nobody holds the other end any more
        for which in (signal.SIGTERM, signal.SIGINT):
            signal.signal(which, self._pass_on)
        ready = os.pipe()
        if self._started(alive):
            os.close(ready[0])
            return Worker(ready=partial(_say_ready, ready[1]))
        os.close(ready[1])
        serves = os.read(ready[0], 1)
        while True:
            while serves and len(self.workers) < self.count and not self.stopping:
                if self._started(alive):
                    return Worker(is_first=False)
            if not self.workers:
                sys.exit(0)
            process, status = os.waitpid(-1, 0)
            self.workers.discard(process)
            code = os.waitstatus_to_exitcode(status)
            if not serves and not self.stopping:
                sys.exit(code if code > 0 else 1)
            if not self.stopping:
                logger.warning("a worker ended (%s), another takes its place", code)
                sleep(AGAIN_SECONDS)

    def _started(self, alive: tuple[int, int]) -> bool:
        """Whether this is the new worker."""
        if (process := os.fork()) == 0:
            _become_worker(*alive)
            return True
        self.workers.add(process)
        if self.stopping:  # told so while it was started
            os.kill(process, signal.SIGTERM)
        return False

    def _pass_on(self, which: int, frame: FrameType | None) -> None:
        """The second Ctrl-C ends at once, as it does with one process."""
        again = self.stopping and which == signal.SIGINT
        self.stopping = True
        for process in list(self.workers):
            os.kill(process, signal.SIGINT if again else signal.SIGTERM)


def _say_ready(to: int) -> None:
    os.write(to, b"!")
    os.close(to)


def _become_worker(alive: int, end: int) -> None:
    os.close(end)
    os.setpgid(0, 0)  # Ctrl-C is for the process above, which passes it on
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, signal.SIG_DFL)
    Thread(target=_stop_when_alone, args=(alive,), name="above", daemon=True).start()


def _stop_when_alone(alive: int) -> None:
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)
