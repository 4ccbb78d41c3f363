"""A database that is broken, or that the machine keeps from us: told by SQLite's own codes, wherever they are heard.

Whoever reads a broken one hears that the views are being made anew, and may try again; who owns the file is told that
it is broken. Whoever meets a machine that is busy or fails hears what it says.
"""

import sqlite3
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, Self, cast

TOLD: Final = "The read models were damaged and are being made anew from the log: try again in a moment."

_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_CUT_SHORT: Final = sqlite3.SQLITE_IOERR_SHORT_READ
"""A page that should be there lies beyond the file's end, or its number is nonsense."""

_MACHINE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        *_BROKEN,
    }
)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file is not what SQLite wrote."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _BROKEN or code == _CUT_SHORT


def is_of_the_machine(error: Exception) -> bool:
    """Whether it says something about the disk, the memory or the file, and not about what was asked."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _MACHINE


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
    """A reading connection that gives every error to `refuse`, once it is set, which may raise another in its place.

    Another thread may close it: that waits for the statement that is being executed. One closed under a running
    statement would take the process with it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.refuse: Callable[[sqlite3.Error], None] = lambda error: None
        self._busy = Lock()
        self._closing = False

    def execute(self, sql: str, parameters: Any = (), /) -> WholeCursor:
        try:
            with self._busy:
                if self._closing:
                    raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
                return self.cursor(WholeCursor).execute(sql, parameters).keep()
        except sqlite3.DatabaseError as error:
            self.refuse(error)
            raise

    def close(self) -> None:
        self._closing = True
        with self._busy:
            super().close()
