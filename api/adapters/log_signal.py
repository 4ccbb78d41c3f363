"""Tells readers of a log that there may be something new, from this process or another one.

Sticky: what happened between a reader's last look and its `wait` ends the wait at once, so nothing is slept through. A
wake-up may be for nothing; a reader looks and waits again.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

POLL_SECONDS: Final = 0.02


class LogSignal:
    """`outside` is asked every 20 ms while somebody waits; another answer than before counts as news."""

    def __init__(self, outside: Callable[[], object] | None = None) -> None:
        self._outside = outside
        self._outside_before = outside() if outside else None
        self._changed = threading.Condition()
        self._generation = 0
        self._reader = threading.local()
        self._closed = False

    def notify(self) -> None:
        """End every reader's present or next wait."""
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Return at news, at the latest after `seconds`; at once when the signal is closed."""
        deadline = monotonic() + seconds
        with self._changed:
            while not self._closed and not self._has_news() and (left := deadline - monotonic()) > 0:
                self._changed.wait(min(left, POLL_SECONDS) if self._outside else left)

    def close(self) -> None:
        """Ask outside no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_news(self) -> bool:
        """Whether the generation moved since this thread last heard of one."""
        answer = self._outside() if self._outside else None
        if answer != self._outside_before:
            self._outside_before = answer
            self._generation += 1
            self._changed.notify_all()
        heard: int = getattr(self._reader, "heard", 0)
        self._reader.heard = self._generation
        return heard != self._generation
