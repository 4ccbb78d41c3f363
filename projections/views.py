"""The SQLite file that all views of a process share.

As of N: every row says from which version on it is true. A row that can stop being true carries `from_version` and
`until_version` and is in view at N when from_version <= N < until_version; until is OPEN while nothing ended it. A row
that stays true carries `version` and is in view at N when version <= N. So the present and every past are one SELECT
each over the same rows, and no read replays anything.

The file can be deleted at any time: the log has everything. It therefore runs with synchronous=NORMAL, and a file whose
schema is not ours is emptied, not migrated. One thread writes (the follower's), any thread reads on a connection of its
own. This module knows no view and no event but through `View`.
"""

import logging
import sqlite3
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Lock, local
from typing import Final, Protocol, TypeVar

from domain.errors import Unavailable
from projections.damage import TOLD, WatchedConnection, is_damage, is_of_the_machine
from projections.ports import LoggedEvent

OPEN = 2**63 - 1
"""The `until_version` of what has not ended, and the version that stands for "now"."""

MEANING = 2
"""To be raised when a view writes other rows into the same tables: it makes every file be rebuilt."""

FILE_NAME = "views.sqlite3"

PATIENCE_SECONDS: Final = 30.0
"""How long a reader waits for views that are made anew."""

Identity = tuple[int, int] | None
"""By what the system knows a file; None where there is none."""

T = TypeVar("T", bound=sqlite3.Connection)

logger = logging.getLogger(__name__)


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
    """The file: one connection that writes, one that reads for every thread that asks.

    A file that is damaged or gone can be made anew while others read: they wait until it is whole again. `again` says
    where it is to lie then.
    """

    def __init__(self, file: Path, *, again: Callable[[], Path] | None = None) -> None:
        self.file = file
        self._again = again or (lambda: file)
        self._writing = Lock()
        self._readers: list[sqlite3.Connection] = []
        self._thread = local()
        self._statements: Sequence[str] = ()
        self.replaced = 0
        """How often all rows were replaced by those of another file."""
        self._damaged = False
        self._whole = Event()
        self._whole.set()
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            logger.warning("the views are no database: they are made anew from the log", exc_info=error)
            delete_database(file)
            self._open()

    def prepare(self, statements: Sequence[str]) -> None:
        """Have exactly the tables that the statements create; a file with others is emptied."""
        self._statements = statements
        (found,) = self._writer.execute("PRAGMA user_version").fetchone()
        if found != fingerprint(statements):
            if found:
                logger.warning("the views are of another Heartline: they are made anew from the log")
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
        """The calling thread's reading connection. Each statement sees what is committed by then. Blocks while the file
        is made anew; raises Unavailable when that takes long."""
        if not self._whole.is_set() and not self._whole.wait(PATIENCE_SECONDS):
            raise Unavailable(TOLD)
        db: sqlite3.Connection | None = getattr(self._thread, "db", None)
        if db is None or self._thread.identity != self._identity:
            # One of before the damage stays open: it may be in the middle of a snapshot.
            db, self._thread.identity = self._connect_reader(self._identity), self._identity
            self._thread.db = db
            self._readers.append(db)
        return db

    def _connect_reader(self, identity: Identity) -> sqlite3.Connection:
        try:
            db = _connect(self.file, WatchedConnection)
        except sqlite3.DatabaseError as error:
            self._refuse(error, identity)
            raise
        db.refuse = lambda error: self._refuse(error, identity)
        db.execute("PRAGMA query_only = ON")
        return db

    def _refuse(self, error: sqlite3.Error, identity: Identity) -> None:
        """Raises Unavailable, which a reader is told, in place of an error of the machine's; not where it is ours."""
        if self.suspects(error, of=identity):
            raise Unavailable(TOLD) from error
        if is_of_the_machine(error):
            raise Unavailable(f"The read models cannot be read now ({error}): try again in a moment.") from error

    # -- damage --------------------------------------------------------------------------------------------------------

    def suspects(self, error: sqlite3.Error, *, of: Identity = None) -> bool:
        """Whether the error says that the file is damaged or gone. What a connection to an earlier file says of it is
        true as well, and no news."""
        if not is_damage(error) and not self._is_gone():
            return False
        self._damaged |= of in (None, self._identity)
        return True

    @property
    def is_damaged(self) -> bool:
        """Whether the file must be made anew: somebody met damage in it, or it is not there any more."""
        return self._damaged or self._is_gone()

    def mended(self) -> bool:
        """Make a damaged file anew; whether that was needed. All is to be read again then."""
        if not self.is_damaged:
            return False
        logger.error("the views are damaged or gone: they are made anew from the log")
        self.make_anew()
        return True

    @property
    def is_whole(self) -> bool:
        """Whether it may be read: not between `make_anew` and `admit`."""
        return self._whole.is_set()

    def make_anew(self) -> None:
        """An empty file in the place of the damaged one; readers wait until they are admitted."""
        self._whole.clear()
        with self._writing:
            self._writer.close()
            self.file = self._again()
            delete_database(self.file)
            self._open()
        self.reset()
        self._damaged = False
        self.replaced += 1

    def admit(self) -> None:
        """Let readers in again: every row is there."""
        self._whole.set()

    def _open(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._writer = _connect(self.file)
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._identity = _identity(self.file)

    def _is_gone(self) -> bool:
        return _identity(self.file) != self._identity

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
        """Close every connection, those of other threads too: nobody may be reading any more. A file that was found
        damaged goes, so that whoever comes next makes it anew."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._writer.close()
        if self._damaged:
            delete_database(self.file)


def delete_database(file: Path) -> None:
    """Remove an SQLite file and what lies beside it; a WAL left alone would meet the next file of that name."""
    for suffix in ("-shm", "-wal", ""):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _connect(file: Path, kind: type[T] = sqlite3.Connection) -> T:
    # Transactions are opened by hand; `close` comes from another thread than the reads.
    db = sqlite3.connect(
        file, isolation_level=None, check_same_thread=False, timeout=10, cached_statements=256, factory=kind
    )
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def _identity(file: Path) -> Identity:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def fingerprint(statements: Sequence[str]) -> int:
    """By what a file is known to have these statements' tables: 31 bits, because that is what a file can carry as its
    user_version; never 0, which an empty file has."""
    return (zlib.crc32("\n".join([str(MEANING), *statements]).encode()) >> 1) | 1
