"""A database looked at from outside: nothing of it is changed, and no file is made beside it.

SQLite reads a file that has a WAL through an index (-shm), which it makes anew where a killed process left the WAL.
Where there is none, nobody has the file open, or nothing was written since: then it is read as one that cannot change.
"""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

LOCK_TIMEOUT_SECONDS = 10


def look_at(file: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises sqlite3.Error where there is no such file, or none that can be opened."""
    still = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    db = sqlite3.connect(
        f"{file.resolve().as_uri()}?mode=ro{still}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=LOCK_TIMEOUT_SECONDS,
    )
    db.execute("PRAGMA query_only = ON").close()
    return db


@contextmanager
def looking_at(file: Path) -> Generator[sqlite3.Connection]:
    """The same, closed at the end."""
    with closing(look_at(file)) as db:
        yield db


def fault_in(db: sqlite3.Connection) -> str | None:
    """What SQLite finds wrong with the file itself, in its own words."""
    found: list[str] = [told for (told,) in db.execute(f"PRAGMA quick_check({2**31 - 1})")]
    # SQLite 3.40 sees NULLs that are not there in tables without rowid whose key is not their first columns.
    faults = [" ".join(told.split()) for told in found if told != "ok" and not told.startswith("NULL value in ")]
    return faults[0] if faults else None
