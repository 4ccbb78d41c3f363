"""One turn at a time for each session, in this process and across processes.

Within the process an asyncio lock; across processes one that the system frees at a process's death: whoever then gets
it and finds an open turn knows that nobody answers it any more. On one machine it is a byte-range lock on one file.

The processes that share a log also agree here on what they share, for as long as one of them lives: see `join`.
"""

import asyncio
import fcntl
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from domain.errors import Conflict, TurnAlreadyOpen

PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02
RANGE: Final = 2**62


class TurnLocks(ABC):
    """Implements `api.ports.SessionLocks`. A subclass knows how processes keep each other out."""

    def __init__(self, *, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, session: UUID, *, patience_seconds: float | None = None) -> AsyncGenerator[None, None]:
        """Hold the session's lock. Raises TurnAlreadyOpen when it is not to be had within the patience."""
        patience = self._patience if patience_seconds is None else patience_seconds
        lock = self._locks.setdefault(session, asyncio.Lock())
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(patience) as waiting:
                    await held.enter_async_context(lock)
                    await self._take(session, waiting)
            except TimeoutError:
                message = "The session is still answering another turn; try again when it has ended."
                raise TurnAlreadyOpen(message) from None
            held.callback(self._free, session)
            yield

    async def _take(self, session: UUID, waiting: asyncio.Timeout) -> None:
        """Try until it is ours, once whatever the patience: that is for other turns, not for whoever keeps the locks.
        Nobody tells us when another process lets go."""
        deadline = waiting.when()
        waiting.reschedule(None)
        while True:
            if await self._try(session):
                return
            waiting.reschedule(deadline)
            await asyncio.sleep(POLL_SECONDS)

    @abstractmethod
    async def _try(self, session: UUID) -> bool:
        """Take the lock if no other process has it; when this is cancelled it is not taken."""

    @abstractmethod
    def _free(self, session: UUID) -> None:
        """Let other processes have it. Does not block, and raises nothing."""

    @abstractmethod
    def join(self, embedder: str) -> None:
        """Become one of the processes that share the log, until `close` or the process's death. The first of them says
        by which embedder texts are known. Blocks for a moment. Raises Conflict when the others have another one."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what holds the locks: no session may be held any more."""


class FileTurnLocks(TurnLocks):
    """Locks by session. POSIX locks belong to the process: only one object may be made for each file and process."""

    def __init__(self, file: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        super().__init__(patience_seconds=patience_seconds)
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._shared: int | None = None
        self._shared_file = file.with_name("embedder.lock")

    async def _try(self, session: UUID) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, session.int % RANGE)
        except BlockingIOError:
            return False
        return True

    def _free(self, session: UUID) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, session.int % RANGE)

    def join(self, embedder: str) -> None:
        """The file's words are the embedder of whoever holds its lock."""
        shared = self._shared = os.open(self._shared_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.truncate(shared, 0)
            os.pwrite(shared, embedder.encode(), 0)
        except BlockingIOError:
            pass  # we are not the first
        fcntl.flock(shared, fcntl.LOCK_SH)
        check_embedder(os.pread(shared, 1024, 0).decode(), embedder)

    def close(self) -> None:
        os.close(self._file)
        if self._shared is not None:
            os.close(self._shared)


def check_embedder(theirs: str, ours: str) -> None:
    """Raises Conflict when the two are not one: each would encode every text of the other again."""
    if theirs != ours:
        raise Conflict(
            f"Other servers on this event log know texts by the embedder {theirs}, this one by {ours}: "
            "run the same version of Heartline with the same EMBEDDING_MODEL, or stop the others first."
        )
