"""A log that is not for this server: a sentence that says what to do, an exit code of 1, and nothing changed."""

import fcntl
from pathlib import Path

import pytest

from api.adapters.postgres_log import PostgresEventLog
from tests.postgres import ask, schema
from tests.server_process import run


def refusal(folder: Path, **settings: str) -> str:
    ended = run(folder, "serve", PORT="0", **settings)

    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr.splitlines()[-1]


def test_a_server_with_another_embedder_than_those_on_the_log_ends(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/embedder.lock").open("w") as theirs:
        theirs.write("an-older-model:1")
        theirs.flush()
        fcntl.flock(theirs, fcntl.LOCK_SH)

        told = refusal(tmp_path)

        assert told.startswith("heartline: Other servers on this event log know texts by the embedder an-older-model:1")
        assert told.endswith("same EMBEDDING_MODEL, or stop the others first.")
        assert (tmp_path / "data/embedder.lock").read_text() == "an-older-model:1"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "UPDATE log_head SET form = 99",
            "written by a newer Heartline (form 99, this one knows 1): upgrade Heartline",
        ),
        ("UPDATE log_head SET form = 0", "has form 0, which this Heartline does not read any more"),
        ("DROP TABLE log_head", "There are tables of another program where the event log should be"),
    ],
)
async def test_a_database_that_holds_another_log_is_left_alone(tmp_path: Path, change: str, told: str) -> None:
    with schema() as url:
        await PostgresEventLog(url).close()
        ask(change, url=url)
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        before = ask(tables, url=url)

        assert told in refusal(tmp_path, EVENT_LOG=url)

        assert ask(tables, url=url) == before
