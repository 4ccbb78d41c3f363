"""One turn at a time for each session among the servers of many machines: advisory locks of PostgreSQL, all of a
process on one connection of its own, whose end frees them.

That connection lives in one thread. When it breaks while turns run, it is made anew within a second and their locks are
taken again; should another server have been faster, it has failed our turn, and our own append will find that out.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, TypeVar
from uuid import UUID

import psycopg
from eventsourcing.persistence import OperationalError
from psycopg.rows import DictRow

from api.adapters.postgres_datastore import advisory_key, connect
from api.adapters.turn_locks import PATIENCE_SECONDS, TurnLocks, check_embedder
from domain.errors import Conflict, Unavailable

WATCH_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)

FAILURES: Final = (psycopg.Error, OperationalError)

T = TypeVar("T")
Job = Callable[[], None]
Connection = psycopg.Connection[DictRow]


class PostgresTurnLocks(TurnLocks):
    """Locks by session, in the database and schema of the log's URL. Raises Unavailable where it does not answer."""

    def __init__(self, url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        super().__init__(patience_seconds=patience_seconds)
        self._url = url
        self._held = set[UUID]()
        self._joined = False
        self._failing = False
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._schema = ""
        try:
            self._connect()
        except OperationalError as error:
            raise _unavailable(error) from error
        self._thread = Thread(target=self._run, name="turn-locks", daemon=True)
        self._thread.start()

    async def _try(self, session: UUID) -> bool:
        taken: Future[bool] = Future()
        self._jobs.put(lambda: self._lock(session, taken))
        try:
            return await asyncio.shield(asyncio.wrap_future(taken))
        except asyncio.CancelledError:
            self._free(session)  # behind our own wish, which may be granted by now
            raise

    def _free(self, session: UUID) -> None:
        self._jobs.put(lambda: self._unlock(session))

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()

    def join(self, embedder: str) -> None:
        joined: Future[None] = Future()
        self._jobs.put(lambda: self._join(embedder, joined))
        joined.result()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=WATCH_SECONDS)
            except Empty:
                job = self._watch
            if job is None:
                self._disconnect()
                return
            job()

    def _lock(self, session: UUID, taken: "Future[bool]") -> None:
        key = advisory_key(self._schema, session.hex)
        try:
            got = self._asked(lambda c: _yes(c.execute("SELECT pg_try_advisory_lock(%s) AS got", (key,))))
        except FAILURES as error:
            logger.debug("a lock cannot be had", exc_info=error)
            taken.set_exception(Unavailable("The database of the event log does not answer."))
            return
        if got:
            self._held.add(session)
        taken.set_result(got)

    def _unlock(self, session: UUID) -> None:
        if session not in self._held:
            return
        self._held.discard(session)
        key = advisory_key(self._schema, session.hex)
        try:
            self._asked(lambda c: c.execute("SELECT pg_advisory_unlock(%s)", (key,)))
        except FAILURES:
            self._disconnect()  # which frees it as well; the others are taken again

    def _join(self, embedder: str, joined: "Future[None]") -> None:
        try:
            check_embedder(self._asked(lambda c: self._agreed(c, embedder)), embedder)
        except FAILURES as error:
            joined.set_exception(_unavailable(error))
        except Conflict as error:
            joined.set_exception(error)
        else:
            joined.set_result(None)

    def _agreed(self, connection: Connection, embedder: str) -> str:
        """The embedder of all who share the log, of whom we are one now; ours, where nobody was before us."""
        key = advisory_key(self._schema, "embedder")
        with connection.transaction():
            if _yes(connection.execute("SELECT pg_try_advisory_xact_lock(%s) AS got", (key,))):
                connection.execute("UPDATE log_head SET embedder = %s", (embedder,))
            else:
                connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (key,))
            connection.execute("SELECT pg_advisory_lock_shared(%s)", (key,))
        self._joined = True
        row = connection.execute("SELECT embedder FROM log_head").fetchone()
        return row["embedder"] if row is not None else ""

    def _watch(self) -> None:
        """Find out that the connection broke while something is held."""
        if not self._held and not self._joined:
            return
        try:
            self._asked(lambda c: c.execute("SELECT 1"))
        except FAILURES:
            if not self._failing:
                logger.warning("the locks of running turns are lost until the database answers", exc_info=True)
            self._failing = True
        else:
            self._failing = False

    def _asked(self, ask: Callable[[Connection], T]) -> T:
        """The answer. A connection that broke since is made anew first."""
        for known in (self._connection, None):
            connection = known or self._connect()
            try:
                return ask(connection)
            except psycopg.OperationalError:
                self._disconnect()
        raise OperationalError("the connection breaks again and again")

    def _connect(self) -> Connection:
        """A new connection, which holds what the last one held, where nobody was faster."""
        connection = connect(self._url)
        row = connection.execute("SELECT current_schema() AS schema").fetchone()
        self._schema = row["schema"] if row is not None else ""
        for session in self._held:
            connection.execute("SELECT pg_try_advisory_lock(%s)", (advisory_key(self._schema, session.hex),))
        if self._joined:
            connection.execute("SELECT pg_advisory_lock_shared(%s)", (advisory_key(self._schema, "embedder"),))
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _yes(asked: "psycopg.Cursor[DictRow]") -> bool:
    row = asked.fetchone()
    return row is not None and bool(row["got"])


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"The locks of the event log cannot be had: {error}.")
