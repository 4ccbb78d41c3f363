"""How open responses learn that the server stops: they get some seconds to finish, then they end by themselves.

    the server: shutdown.begin(grace)          a response: await shutdown.within(next piece)  ->  ShuttingDown

Belongs to one event loop. It stops nothing itself.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from domain.errors import Unavailable

T = TypeVar("T")


class ShuttingDown(Unavailable):
    """The server stops, and the time that was left to finish is over."""

    code = "shutting_down"


class Shutdown:
    """Set once per process, when it is told to stop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._deadline: float | None = None
        self._waiting: set[asyncio.Timeout] = set()

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self, grace_seconds: float) -> None:
        """Whoever waits `within` gets this long; a later call does not prolong it."""
        if self.begun:
            return
        self._deadline = asyncio.get_running_loop().time() + grace_seconds
        for timeout in self._waiting:
            timeout.reschedule(self._deadline)
        self._begun.set()

    async def within(self, awaitable: Awaitable[T]) -> T:
        """The awaitable's result, while there is time. Raises ShuttingDown, the awaitable cancelled."""
        timeout = asyncio.timeout_at(self._deadline)
        try:
            async with timeout:
                self._waiting.add(timeout)
                try:
                    return await awaitable
                finally:
                    self._waiting.discard(timeout)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise ShuttingDown("The server is stopping. Try again in a moment.") from error

    async def sooner(self, awaitable: Awaitable[object]) -> None:
        """Await it, at the longest until the server begins to stop; it is cancelled then."""
        work, stop = asyncio.ensure_future(awaitable), asyncio.ensure_future(self._begun.wait())
        try:
            await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            stop.cancel()
