"""A copy of an event log on SQLite, taken while processes write to it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from domain.errors import Unavailable

PAGES_AT_ONCE: Final = 1024
"""Copied between two calls of `progress`: 4 MiB."""

Progress = Callable[[int, int], None]
"""Called with the pages that are done and those there are."""


def copy_log(log: Path, to: Path, progress: Progress) -> int:
    """Copy the log as it is now into a new file, durably; the position of its newest event, 0 when there is none.

    Nobody who writes meanwhile waits, and nothing that they write is in the copy. Raises Unavailable where there is no
    log, or the copy cannot be made or read again.
    """
    if not log.is_file():
        raise Unavailable(f"There is no event log {log} to copy.")
    try:
        with closing(sqlite3.connect(log)) as source, closing(sqlite3.connect(to)) as copy:
            # Reading holds on to one state. Without that, SQLite begins anew whenever somebody commits in between.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=PAGES_AT_ONCE, progress=lambda _, left, all_: progress(all_ - left, all_))
            return _checked(copy)
    except sqlite3.Error as error:
        raise Unavailable(f"The event log cannot be copied to {to}: {error}.") from error


def _checked(copy: sqlite3.Connection) -> int:
    """Read the copy from end to end before anybody relies on it."""
    (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise Unavailable(f"The copy is damaged ({found}): so is the event log, or the disk.")
    (position,) = copy.execute("SELECT coalesce(max(position), 0) FROM stored_events").fetchone()
    return int(position)
