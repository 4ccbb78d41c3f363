"""A database that is broken, and not busy or full: told by SQLite's own words, wherever they are heard.

Whoever reads hears that the views are being made anew, and may try again; who owns the file is told that it is broken.
"""

import sqlite3
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, Self, cast

from domain.errors import Unavailable

TOLD: Final = "The read models were damaged and are being made anew from the log: try again in a moment."

_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file is not what SQLite wrote."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


class WholeCursor(sqlite3.Cursor):
    """A cursor whose rows are all read when the statement was executed, under the connection's lock."""

    def keep(self) -> Self:
        """Read the rows."""
        self._rows = iter(super().fetchall())
        return self

    def __iter__(self) -> "WholeCursor":
        return cast("WholeCursor", self._rows)

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)


class WatchedConnection(sqlite3.Connection):
    """A reading connection that asks `suspects`, once it is set, whether an error means damage; then Unavailable takes
    its place.

    Another thread may close it: that waits for the statement that is being executed. One closed under a running
    statement would take the process with it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.suspects: Callable[[sqlite3.Error], bool] = lambda error: False
        self._busy = Lock()
        self._closing = False

    def execute(self, sql: str, parameters: Any = (), /) -> WholeCursor:
        try:
            with self._busy:
                if self._closing:
                    raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
                return self.cursor(WholeCursor).execute(sql, parameters).keep()
        except sqlite3.DatabaseError as error:
            if self.suspects(error):
                raise Unavailable(TOLD) from error
            raise

    def close(self) -> None:
        self._closing = True
        with self._busy:
            super().close()
