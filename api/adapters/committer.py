"""The one writer of a process: many callers, one thread, one fsync for all who wait at the same time.

    callers --submit--> waiting --+-- BEGIN IMMEDIATE
                                  |   SAVEPOINT, work, RELEASE      for each; one that conflicts is rolled back alone
                                  +-- COMMIT, then each caller's result or error

Group commit: it takes what is waiting and never waits for more. Must not know what is written.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Any, Final, TypeVar

from eventsourcing.persistence import IntegrityError, OperationalError, PersistenceError

from api.adapters.log_recorder import LogCursor, LogDatabase
from api.adapters.unmeasured import UNMEASURED
from api.metrics import Metrics

T = TypeVar("T")
Work = Callable[[LogCursor], T]
Settle = Callable[[], None]

ATTEMPTS: Final = 3
"""How often a batch is tried whose connection broke. What it stored before that, its work must know again."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Item:
    work: Work[Any]
    outcome: "Future[Any]"


class Committer:
    """Runs pieces of work in shared transactions, each durable when its caller hears of it.

    A caller that is cancelled before its batch began takes its work back; after that it is committed all the same.
    `after_commit` is called in the committer's thread.
    """

    def __init__(self, datastore: LogDatabase, after_commit: Callable[[], None], metrics: Metrics = UNMEASURED) -> None:
        self._datastore = datastore
        self._after_commit = after_commit
        self._metrics = metrics
        self._lock = Lock()
        self._waiting: list[_Item] = []
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="committer")

    async def run(self, work: Work[T]) -> T:
        """The work's result, when it is durable. Raises the library's errors; then nothing of it was stored."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Work[T]) -> "Future[T]":
        """Queue the work; its result is set in the committer's thread."""
        outcome: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise OperationalError("the event log is closed")
            self._waiting.append(_Item(work, outcome))
            self._thread.submit(self._drain).add_done_callback(_report)
        return outcome

    def close(self) -> None:
        """Finish what is queued, then end the thread. Later work is refused."""
        with self._lock:
            self._closed = True
        self._thread.shutdown(wait=True)

    def _drain(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting, []
        batch = [item for item in taken if item.outcome.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            self._commit(batch)
        finally:
            _fail([item for item in batch if not item.outcome.done()], "the writer of the event log failed")

    def _commit(self, batch: list[_Item]) -> None:
        began = perf_counter()
        try:
            settled = self._written(batch)
        except PersistenceError as error:
            _fail(batch, str(error))
            return
        for settle in settled:
            settle()
        self._after_commit()
        self._metrics.committed(appends=len(batch), seconds=perf_counter() - began)

    def _written(self, batch: list[_Item]) -> list[Settle]:
        """Do the batch's work in one transaction; what to tell each caller now that it is committed."""
        lost = False
        for left in reversed(range(ATTEMPTS)):
            try:
                with self._datastore.transaction(commit=True) as cursor:
                    return [self._attempt(cursor, item) for item in batch]
            except PersistenceError as error:
                # From then on nobody knows whether it was committed, so it is worth every attempt to find out.
                lost = lost or self._datastore.is_lost(error)
                if not left or not lost:
                    raise
                logger.warning("the connection to the event log broke: the batch is tried again", exc_info=error)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, cursor: LogCursor, item: _Item) -> Settle:
        """Do one item's work in a savepoint; what to tell its caller after the commit."""
        cursor.execute("SAVEPOINT item")
        try:
            settle: Settle = partial(item.outcome.set_result, item.work(cursor))
        except (IntegrityError, *self._datastore.own_faults) as error:
            cursor.execute("ROLLBACK TO item")
            settle = partial(item.outcome.set_exception, _as_library_error(error))
        cursor.execute("RELEASE item")
        return settle


def _as_library_error(error: BaseException) -> PersistenceError:
    if isinstance(error, PersistenceError):
        return error
    # PEP 249: whatever the driver, what breaks a constraint has this name.
    constraint = any(cls.__name__ == "IntegrityError" for cls in type(error).__mro__)
    translated = IntegrityError(str(error)) if constraint else PersistenceError(str(error))
    translated.__cause__ = error
    return translated


def _fail(items: list[_Item], reason: str) -> None:
    for item in items:
        item.outcome.set_exception(OperationalError(reason))


def _report(drained: "Future[None]") -> None:
    error = drained.exception()
    if error is not None:
        logger.error("the committer met an error it does not know", exc_info=error)
