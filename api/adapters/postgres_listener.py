"""Hears of every commit of a log, on a connection of its own that is made anew whenever it breaks.

    LISTEN -> a notice, or a second without one -> another last position than before? -> tell -> again

So a notice that got lost is missed for a second at most.
"""

import logging
from collections.abc import Callable
from contextlib import closing
from threading import Event, Thread
from time import monotonic
from typing import Final

import psycopg
from eventsourcing.persistence import OperationalError
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from api.adapters.postgres_datastore import LogDatastore, connect

POLL_SECONDS: Final = 1.0
STEP_SECONDS: Final = 0.1
"""Closing takes as long as that."""

RETRY_SECONDS: Final = 0.5

logger = logging.getLogger(__name__)


class Listener:
    """Calls `tell` in its own thread, from `start` to `close`, when the log goes beyond the position that is known."""

    def __init__(self, datastore: LogDatastore, tell: Callable[[], None], *, known: int) -> None:
        self._datastore = datastore
        self._tell = tell
        self._known = known
        self._closing = Event()
        self._thread = Thread(target=self._run, name="log-listener", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop within a moment."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        failing = False
        while not self._closing.is_set():
            try:
                with closing(connect(self._datastore.url)) as connection:
                    connection.execute(SQL("LISTEN {}").format(Identifier(self._datastore.channel)))
                    if failing:
                        logger.info("the event log is heard of again")
                    failing = False
                    self._listen(connection)
            except (psycopg.Error, OperationalError) as error:
                if not failing:
                    logger.warning("the event log is not heard of any more, trying again", exc_info=error)
                failing = True
                self._closing.wait(RETRY_SECONDS)

    def _listen(self, connection: psycopg.Connection[DictRow]) -> None:
        """Until we close or the connection breaks. What came before we listened is told of first."""
        self._look(connection)
        asked = monotonic()
        while not self._closing.is_set():
            if list(connection.notifies(timeout=STEP_SECONDS, stop_after=1)):
                self._tell()
            elif monotonic() - asked > POLL_SECONDS:
                self._look(connection)
                asked = monotonic()

    def _look(self, connection: psycopg.Connection[DictRow]) -> None:
        row = connection.execute("SELECT position FROM log_head").fetchone()
        if row is not None and row["position"] != self._known:
            self._known = row["position"]
            self._tell()
