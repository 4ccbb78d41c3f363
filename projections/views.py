"""The SQLite file that all views of a process share, and the slot it lies in.

As of N: every row says from which version on it is true. A row that can stop being true carries `from_version` and
`until_version` and is in view at N when from_version <= N < until_version; until is OPEN while nothing ended it. A row
that stays true carries `version` and is in view at N when version <= N. So the present and every past are one SELECT
each over the same rows, and no read replays anything.

The file can be deleted at any time: the log has everything. It therefore runs with synchronous=NORMAL, and a file whose
schema is not ours is emptied, not migrated. One thread writes (the follower's), any thread reads on a connection of its
own. This module knows no view and no event but through `View`.
"""

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from threading import Lock, local
from typing import Protocol

from projections.ports import LoggedEvent

OPEN = 2**63 - 1
"""The `until_version` of what has not ended, and the version that stands for "now"."""

MEANING = 1
"""To be raised when a view writes other rows into the same tables: it makes every file be rebuilt."""

FILE_NAME = "views.sqlite3"


class View(Protocol):
    """A read model: tables of its own, and what each event does to them."""

    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> tuple[str, ...]:
        """The statements that create its tables and indexes."""
        ...

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        """Write what the event changes, within the transaction that the caller holds; ignore what it does not concern.

        May read its own tables and the lineage's, never another view's: that one may stand elsewhere.
        """
        ...


class Views:
    """The file: one connection that writes, one that reads for every thread that asks."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        self._writer = _connect(file)
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writing = Lock()
        self._readers: list[sqlite3.Connection] = []
        self._thread = local()
        self._statements: Sequence[str] = ()
        self.replaced = 0
        """How often all rows were replaced by those of another file."""

    def prepare(self, statements: Sequence[str]) -> None:
        """Have exactly the tables that the statements create; a file with others is emptied."""
        self._statements = statements
        (found,) = self._writer.execute("PRAGMA user_version").fetchone()
        if found != fingerprint(statements):
            self.reset()

    def reset(self) -> None:
        """Empty the file in one transaction: readers see the old rows, then none."""
        with self.write() as db:
            made = db.execute("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
            for kind, name in made:
                db.execute(f"DROP {kind} {name}")
            for statement in self._statements:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {fingerprint(self._statements)}")

    def fits(self, file: Path) -> bool:
        """Whether another file has the tables of this one."""
        with closing(_connect(file)) as other:
            (found,) = other.execute("PRAGMA user_version").fetchone()
        return found == fingerprint(self._statements)

    def replace_by(self, file: Path) -> None:
        """Take all rows of another file in place of those here, in one transaction: readers see the old or the new."""
        with self._writing, closing(_connect(file)) as other:
            other.backup(self._writer)
        self.replaced += 1

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """A transaction on the writing connection, committed at the end unless something was raised."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def read(self) -> sqlite3.Connection:
        """The calling thread's reading connection. Each statement sees what is committed by then."""
        db: sqlite3.Connection | None = getattr(self._thread, "db", None)
        if db is None:
            db = _connect(self.file)
            db.execute("PRAGMA query_only = ON")
            self._thread.db = db
            self._readers.append(db)
        return db

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """All that this thread reads inside sees one state, whatever is committed meanwhile."""
        db = self.read()
        db.execute("BEGIN")
        try:
            yield
        finally:
            db.execute("COMMIT")

    def close(self) -> None:
        """Close every connection, those of other threads too: nobody may be reading any more."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._writer.close()


class Slot:
    """A directory for the views of one process, held until `close` or the process's death."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory = directory
        self.file = directory / FILE_NAME
        self._lock = lock

    def copy_neighbour(self) -> bool:
        """Start from the rows of another slot, if this one has none. True when something was copied; a damaged file is
        not."""
        sources = sorted(self.directory.parent.glob(f"*/{FILE_NAME}"))
        if self.file.exists() or not sources:
            return False
        try:
            with closing(_connect(sources[0])) as source, closing(_connect(self.file)) as target:
                source.backup(target)
        except sqlite3.DatabaseError as error:
            self.file.unlink(missing_ok=True)
            if not is_damage(error):
                raise
            return False
        return True

    def close(self) -> None:
        """Let another process have the slot."""
        os.close(self._lock)


def clear_slots(root: Path, *, beyond: int) -> None:
    """Empty the slots above so many that no living process holds. Their folders stay: somebody may be claiming one."""
    for directory in root.glob("views/*"):
        if not directory.name.isdecimal() or int(directory.name) < beyond:
            continue
        with (directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            for file in directory.glob(f"{FILE_NAME}*"):
                file.unlink()


def claim_slot(root: Path) -> Slot:
    """Take the lowest `views/<n>` under `root` that no living process holds."""
    slots = (_claimed(root / "views" / str(number)) for number in count())
    return next(slot for slot in slots if slot is not None)


def claim_free(root: Path) -> tuple[list[Slot], list[Path]]:
    """Take every slot that no living process holds, at least one; and the views' files of those that one holds."""
    claimed = {directory: _claimed(directory) for directory in sorted((root / "views").glob("*"))}
    free = [slot for slot in claimed.values() if slot is not None]
    return free or [claim_slot(root)], [directory / FILE_NAME for directory, slot in claimed.items() if slot is None]


def _claimed(directory: Path) -> Slot | None:
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Slot(directory, lock)


def delete_database(file: Path) -> None:
    """Remove an SQLite file and what lies beside it; a WAL left alone would meet the next file of that name."""
    for suffix in ("-shm", "-wal", ""):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether it says that the file is no database, or not whole."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _connect(file: Path) -> sqlite3.Connection:
    # Transactions are opened by hand; `close` comes from another thread than the reads.
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=10, cached_statements=256)
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def fingerprint(statements: Sequence[str]) -> int:
    """By what a file is known to have these statements' tables: 31 bits, because that is what a file can carry as its
    user_version; never 0, which an empty file has."""
    return (zlib.crc32("\n".join([str(MEANING), *statements]).encode()) >> 1) | 1
