"""The library's PostgreSQL datastore, made safe for a log that many servers write.

one writer       who is going to commit takes an advisory lock first, so positions are in the order of commits, and a
                 server that died holds it no longer than its connection
NOTIFY           with every commit, to whoever listens
dead servers     keep-alive, and an end to transactions whose client went silent
"""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

import psycopg
from eventsourcing.persistence import OperationalError, PersistenceError
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier, Literal
from psycopg_pool import PoolTimeout

from api.adapters.log_recorder import LogCursor

CONNECT_SECONDS: Final = 5
POOL_SECONDS: Final = 3.0
"""How long somebody waits for a connection; who is refused then was not served at all."""

RECONNECT_SECONDS: Final = 2.0
"""How long the pool tries by itself to replace a connection. It would wait longer each time; so the next who wants one
makes it try at once."""

LOCK_TIMEOUT_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 15
"""After which the server ends a transaction whose client says nothing any more, and with it the lock it holds."""

CONNECTIONS: Final = 8
"""Four readers, the committer, the follower, a request's own look and one to spare."""

# A link that is dead without saying so is found out within ten seconds, on either side.
ALIVE: Final = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "heartline",
}

_LOST: Final = ("08", "57P01", "57P02", "57P03", "25P03")
"""SQLSTATEs of a connection that the server ended; one that broke has none."""


def connect(url: str) -> psycopg.Connection[DictRow]:
    """A connection of its own, in autocommit mode. Raises the library's OperationalError, without the password."""
    try:
        return psycopg.connect(url, **(ALIVE | {"autocommit": True, "row_factory": dict_row}))  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise OperationalError(" ".join(str(error).split())) from None


def advisory_key(*names: str) -> int:
    """The number by which PostgreSQL knows a lock: 64 bits, signed."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


class QuestionMarks(psycopg.Cursor[DictRow]):
    """A cursor for statements with `?`, as the log's are written."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "QuestionMarks":
        super().execute(_marked(query), params, **options)
        return self

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        super().executemany(_marked(query), params_seq, **options)


class LogDatastore(PostgresDatastore):
    """The schema of a database that the URL names. Raises OperationalError where it does not answer."""

    own_faults: ClassVar[tuple[type[BaseException], ...]] = (psycopg.DataError, psycopg.IntegrityError, OverflowError)

    def __init__(self, url: str, *, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> None:
        with connect(url) as first:
            row = cast("DictRow", first.execute("SELECT current_schema() AS schema").fetchone())
        if row["schema"] is None:
            raise OperationalError("the schema that the URL names does not exist: create it first")
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        super().__init__(
            *(given.pop(name, "") for name in ("dbname", "host", "port", "user", "password")),
            connect_timeout=POOL_SECONDS,
            idle_in_transaction_session_timeout=SILENT_SECONDS,
            pool_size=1,
            max_overflow=CONNECTIONS - 1,
            pre_ping=True,
            schema=row["schema"],
        )
        cast("dict[str, Any]", self.pool.kwargs).update(ALIVE | given | {"cursor_factory": QuestionMarks})
        self.pool.reconnect_timeout = RECONNECT_SECONDS
        self.url = url
        self.channel = f"heartline_{self.schema}"[:63]
        self._begin = SQL("SET LOCAL lock_timeout = {}; SELECT pg_advisory_xact_lock({}); NOTIFY {}").format(
            Literal(f"{int(lock_timeout_seconds * 1000)}ms"),
            Literal(advisory_key(self.schema, "log")),
            Identifier(self.channel),
        )

    @contextmanager
    def transaction(self, *, commit: bool) -> Generator[LogCursor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The only writer when it is going to commit; else single statements, each of which sees what is there."""
        with self.get_connection() as connection, connection.cursor() as cursor:
            if not commit:
                yield cast("LogCursor", cursor)
                return
            with connection.transaction():
                cursor.execute(self._begin)
                yield cast("LogCursor", cursor)

    def is_lost(self, error: PersistenceError) -> bool:
        """Whether the connection broke, so that nobody knows whether the server still committed."""
        cause = error.__cause__
        state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
        broken = isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        return broken and not isinstance(cause, PoolTimeout) and (state is None or state.startswith(_LOST))


def _marked(query: Any) -> Any:
    return query.replace("?", "%s") if isinstance(query, str) else query
