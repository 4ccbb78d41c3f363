"""A database that is broken, and not busy or full: told by SQLite's own words, wherever they are heard.

Whoever reads hears that the views are being made anew, and may try again; who owns the file is told that it is broken.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from domain.errors import Unavailable

TOLD: Final = "The read models were damaged and are being made anew from the log: try again in a moment."

_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file is not what SQLite wrote."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


class WatchedConnection(sqlite3.Connection):
    """A reading connection that asks `suspects` whether an error means damage; then Unavailable takes its place."""

    suspects: Callable[[sqlite3.Error], bool] | None = None
    """Until it is said who is to be asked, errors stay what they are."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.DatabaseError as error:
            if self.suspects is not None and self.suspects(error):
                raise Unavailable(TOLD) from error
            raise
