"""The library's SQLite datastore, made safe for a log: every acknowledged commit is on disk, no writer fails halfway.

WAL                  readers never wait for a writer
synchronous=FULL     a commit returns when it is synced
secure_delete        what is forgotten is overwritten
BEGIN IMMEDIATE      a read followed by a write in a deferred transaction fails at once when another process wrote
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar, Final

from eventsourcing.persistence import ConnectionPoolClosedError, OperationalError, PersistenceError
from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteTransaction,
)

LOCK_TIMEOUT_SECONDS: Final = 10.0
PRAGMAS: Final = ("synchronous=FULL", "secure_delete=ON")
PRIMARY_CODE: Final = 0xFF  # the rest of an SQLite error code says more about the same error


class LogTransaction(SQLiteTransaction):
    """A transaction that takes the write lock at its beginning when it is going to commit."""

    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE" if self.commit else "BEGIN")
        except sqlite3.Error as error:
            raise OperationalError(error) from error
        return cursor


class LogConnection(SQLiteConnection):
    """A connection whose transactions are ours."""

    @contextmanager
    def transaction(self, *, commit: bool) -> Generator[SQLiteCursor]:
        with LogTransaction(self, commit=commit) as cursor, cursor:
            yield cursor


class LogConnectionPool(SQLiteConnectionPool):
    """A pool whose connections have the pragmas that a log needs."""

    def __init__(self, path: Path, lock_timeout_seconds: float) -> None:
        super().__init__(db_name=str(path), pool_size=8, pool_timeout=lock_timeout_seconds)
        self._lock_timeout_seconds = lock_timeout_seconds
        self._closing = False

    def get_connection(self, timeout: float | None = None, *, is_writer: bool | None = None) -> SQLiteConnection:
        if self._closing:
            raise ConnectionPoolClosedError("the event log is closed")
        return super().get_connection(timeout, is_writer=is_writer)

    def close(self) -> None:
        """Wait until every connection is given back: one closed under a running statement takes the process with it."""
        self._closing = True
        with self._put_condition:
            self._put_condition.wait_for(lambda: not self._in_use)
            super().close()

    def _create_connection(self) -> SQLiteConnection:
        return LogConnection(connect(Path(self.db_name), self._lock_timeout_seconds), max_age=None)


class LogDatastore(SQLiteDatastore):
    """One SQLite file with the pragmas that a log needs. Raises OperationalError where it cannot be opened."""

    own_faults: ClassVar[tuple[type[BaseException], ...]] = (
        OverflowError,
        sqlite3.DataError,
        sqlite3.IntegrityError,
        sqlite3.InterfaceError,
        sqlite3.ProgrammingError,
    )

    def __init__(self, path: Path, *, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> None:
        super().__init__(str(path))
        self.path = path
        self.pool = LogConnectionPool(path, lock_timeout_seconds)

    def is_lost(self, error: PersistenceError) -> bool:
        """Never: a file has no connection that could break."""
        return False


def connect(path: Path, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """A connection in autocommit mode that any thread may use, one at a time."""
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        _switch_to_wal(connection, monotonic() + lock_timeout_seconds)
        for pragma in (*PRAGMAS, f"busy_timeout={int(lock_timeout_seconds * 1000)}"):
            connection.execute(f"PRAGMA {pragma}").close()
    except sqlite3.Error as error:
        raise OperationalError(f"{error} ({path.name})") from error
    connection.row_factory = sqlite3.Row
    return connection


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Waits for the lock itself: SQLite does not always, and of processes that open a new file together one failed."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
        sleep(0.01)
