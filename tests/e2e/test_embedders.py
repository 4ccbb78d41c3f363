"""Another embedding model: its vectors are made beside the server that goes on by the present one, a killed run is gone
on with, both are compared, then the server is started again by it; and back.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.e2e.talking import all_identical, ask, turns
from tests.server_process import ServerProcess, begun, run, started

LINES = 300
PRESENT, OTHER = "minilm-l6-v2-int8", "minilm-l6-v2"
EMBED = ("embed", "--model", OTHER)
COMPARE = ("compare", "boats", "--embedder", PRESENT, "--embedder", OTHER, "--json")
ALIKE = {"SUMMARIZE_AFTER_MESSAGES": "10000"}
"""A summary that comes late would be recalled too."""
PIANO = "Who helped me with the piano?"


def bring_in(server: ServerProcess) -> None:
    lines = [{"role": "user", "content": f"Boat number {number} lies in the harbour."} for number in range(LINES)]
    lines[7]["content"] = "My sister Ingrid helped me carry the piano up four floors."
    server.post("/sessions/import?id=boats", {"messages": lines})


def say(server: ServerProcess, text: str) -> None:
    with server.openai("boats") as client:
        ask(client, text, max_tokens=3)


def recalled(server: ServerProcess, at: int) -> Any:
    return server.post("/sessions/boats/recall", {"query": PIANO, "k": 5, "at": at})


def texts_by(folder: Path, *, other: bool) -> int:
    """How many texts have vectors of the other model, or of the present one."""
    with closing(sqlite3.connect(folder / "data" / "events.sqlite")) as db:
        query = "SELECT count(DISTINCT version) FROM vectors WHERE (embedder NOT LIKE '%:int8:%') = ?"
        (count,) = db.execute(query, (other,)).fetchone()
    return count


def wait_for(folder: Path, texts: int) -> None:
    deadline = monotonic() + 30
    while texts_by(folder, other=False) < texts:
        assert monotonic() < deadline
        sleep(0.05)


def compared(folder: Path) -> Any:
    (one,) = json.loads(run(folder, *COMPARE).stdout)["sessions"]
    return one


def test_a_server_goes_on_while_other_vectors_are_made_and_recalls_by_them_when_it_is_started_again(
    tmp_path: Path,
) -> None:
    with started(tmp_path, **ALIKE) as server:
        bring_in(server)
        wait_for(tmp_path, LINES)
        at = server.get("/sessions/boats")["version"]
        before = recalled(server, at)
        say(server, PIANO)

        with begun(tmp_path, *EMBED) as embedding:
            say(server, "And who owns boat number 12?")
            while not texts_by(tmp_path, other=True):
                assert embedding.poll() is None
                assert recalled(server, at) == before
            embedding.kill()
        done = texts_by(tmp_path, other=True)
        assert recalled(server, at) == before

        again = run(tmp_path, *EMBED, "--json")
        made = texts_by(tmp_path, other=True)
        assert json.loads(again.stdout)["encoded"] == made - done
        assert 0 < done < LINES < made
        whole = compared(tmp_path)
        assert whole["turns"][0]["overlap"] > 0.5
        assert recalled(server, at) == before

    with started(tmp_path, EMBEDDING_MODEL=OTHER, **ALIKE) as server:
        after = recalled(server, at)
        assert after["embedder"] == whole["embedders"][1] != before["embedder"]
        assert "Ingrid" in after["data"][0]["text"]
        say(server, "Which boat is the last one?")
        assert len(turns(server, "boats")) == 3
        assert all_identical(server, "boats")

    with started(tmp_path, **ALIKE) as server:
        assert recalled(server, at) == before
        assert all_identical(server, "boats")
