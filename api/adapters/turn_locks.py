"""One turn at a time for each session, in this process and across the processes of one machine.

Within the process an asyncio lock; across processes a byte-range lock on one file, which the system frees at a
process's death: whoever then gets it and finds an open turn knows that nobody answers it any more.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from domain.errors import TurnAlreadyOpen

POLL_SECONDS: Final = 0.02
RANGE: Final = 2**62


class FileTurnLocks:
    """Locks by session. POSIX locks belong to the process: only one object may be made for each file and process."""

    def __init__(self, file: Path, *, patience_seconds: float = 60.0) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._patience = patience_seconds
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, session: UUID, *, patience_seconds: float | None = None) -> AsyncGenerator[None, None]:
        """Hold the session's lock. Raises TurnAlreadyOpen when it is not to be had within the patience."""
        patience = self._patience if patience_seconds is None else patience_seconds
        lock = self._locks.setdefault(session, asyncio.Lock())
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(patience):
                    await held.enter_async_context(lock)
                    await self._lock_range(session)
            except TimeoutError:
                message = "The session is still answering another turn; try again when it has ended."
                raise TurnAlreadyOpen(message) from None
            held.callback(fcntl.lockf, self._file, fcntl.LOCK_UN, 1, session.int % RANGE)
            yield

    async def _lock_range(self, session: UUID) -> None:
        """Try until it is ours: the system tells nobody when another process lets go."""
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, session.int % RANGE)
            except BlockingIOError:
                await asyncio.sleep(POLL_SECONDS)
            else:
                return

    def close(self) -> None:
        """Let go of the file: no session may be held any more."""
        os.close(self._file)
