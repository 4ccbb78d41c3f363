"""The event log in an SQLite file, opened for looking only."""

import sqlite3
from pathlib import Path
from typing import Final

from eventsourcing.sqlite import SQLiteConnection

from api.adapters.sqlite_datastore import LOCK_TIMEOUT_SECONDS, LogConnection, LogConnectionPool, LogDatastore
from api.adapters.sqlite_recorder import SqliteRecorder
from projections.looking import fault_in, look_at, looking_at

REMEDY: Final = (
    "Stop the server, keep a copy of the damaged file, and put a backup in its place (its -wal and -shm files must go "
    "with it). Without a backup: `sqlite3 DAMAGED .recover | sqlite3 NEW` saves what can be read; then run `heartline "
    "verify` on it."
)


class LookedFile:
    """A file, which need not be there."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self.remedy = REMEDY
        self._path = path

    def fault(self) -> str | None:
        if not self._path.exists():
            return None
        with looking_at(self._path) as db:
            return fault_in(db)

    def open(self) -> tuple[LogDatastore, SqliteRecorder] | None:
        if not self._path.exists():
            return None
        datastore = _LookingDatastore(self._path)
        return datastore, SqliteRecorder(datastore)


class _LookingPool(LogConnectionPool):
    """Connections that cannot write."""

    def _create_connection(self) -> SQLiteConnection:
        connection = look_at(Path(self.db_name))
        connection.row_factory = sqlite3.Row
        return LogConnection(connection, max_age=None)


class _LookingDatastore(LogDatastore):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pool = _LookingPool(path, LOCK_TIMEOUT_SECONDS)
