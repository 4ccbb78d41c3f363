"""Another embedding model: its vectors are made beside the server that goes on by the former one, a killed run is gone
on with, then the server is started again by it; and back.

The former model is a fake behind the real server, the other one is real.
"""

import json
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx2
from fastapi import FastAPI

from benchmarks.console import plain_http
from tests.fakes_models import HashEncoder
from tests.owners import MIRA, owned_app
from tests.server_process import begun, run, started
from tests.serving_system import AS_MIRA, served_system
from tests.system import System

LINES = 800
PIANO = {"query": "Who helped me with the piano?", "k": 5}
EMBED = ("embed", "--model", "minilm-l6-v2")
KEYS = {"HEARTLINE_API_KEYS": f"mira:{MIRA}"}


@contextmanager
def former(folder: Path) -> Generator[httpx2.Client]:
    """A server that knows texts by the former model, and looks after what is behind the turns."""

    def build(built: System) -> FastAPI:
        built.aftercare.start()
        return owned_app(built)

    with served_system(folder / "data", build) as served, plain_http(served.url) as http:
        http.headers.update(AS_MIRA)
        yield http


@contextmanager
def present(folder: Path) -> Generator[httpx2.Client]:
    """The installed server, which knows texts by the other model."""
    with started(folder, **KEYS) as server:
        server.http.headers.update(AS_MIRA)
        yield server.http


def answer(http: httpx2.Client, method: str, path: str, body: object = None) -> Any:
    return http.request(method, path, json=body).raise_for_status().json()


def bring_in(http: httpx2.Client) -> None:
    lines = [{"role": "user", "content": f"Boat number {number} lies in the harbour."} for number in range(LINES)]
    lines[7]["content"] = "My sister Ingrid helped me carry the piano up four floors."
    answer(http, "POST", "/sessions/import?id=boats", {"messages": lines})


def say(http: httpx2.Client, text: str) -> None:
    messages = [{"role": "user", "content": text}]
    answer(http, "POST", "/sessions/boats/v1/chat/completions", {"model": "any", "messages": messages})


def recalled(http: httpx2.Client, at: int) -> Any:
    return answer(http, "POST", "/sessions/boats/recall", {**PIANO, "at": at})


def replays(http: httpx2.Client) -> list[Any]:
    events = answer(http, "GET", f"/sessions/boats/events?limit=1000&after={2 * LINES}")["data"]
    turns = [event["data"]["turn"] for event in events if event["type"] == "session.context-built"]
    return [answer(http, "POST", f"/sessions/boats/turns/{turn}/replay")["identical"] for turn in turns]


def texts_by(folder: Path, model: str) -> int:
    """How many texts have vectors of this model."""
    with closing(sqlite3.connect(folder / "data" / "events.sqlite")) as db:
        known = "SELECT count(DISTINCT version) FROM vectors WHERE embedder LIKE ? || ':%f16'"
        (count,) = db.execute(known, (model,)).fetchone()
    return count


def wait_for(folder: Path, model: str, texts: int) -> None:
    deadline = monotonic() + 30
    while texts_by(folder, model) < texts:
        assert monotonic() < deadline
        sleep(0.02)


def test_a_server_goes_on_while_other_vectors_are_made_and_recalls_by_them_when_it_is_started_again(
    tmp_path: Path,
) -> None:
    hashed = HashEncoder().id.partition(":")[0]
    with former(tmp_path) as http:
        bring_in(http)
        wait_for(tmp_path, hashed, LINES)
        at = answer(http, "GET", "/sessions/boats")["version"]
        before = recalled(http, at)
        say(http, "Who helped me with the piano?")

        with begun(tmp_path, *EMBED, **KEYS) as embedding:
            say(http, "And who owns boat number 12?")
            while not texts_by(tmp_path, "minilm-l6-v2"):
                assert embedding.poll() is None
                assert recalled(http, at) == before
            embedding.kill()
        done = texts_by(tmp_path, "minilm-l6-v2")
        assert recalled(http, at) == before

        again = run(tmp_path, *EMBED, "--json", **KEYS)
        made = texts_by(tmp_path, "minilm-l6-v2")
        assert json.loads(again.stdout)["encoded"] == made - done
        assert 0 < done < LINES < made
        assert recalled(http, at) == before

    with present(tmp_path) as http:
        after = recalled(http, at)
        assert after["embedder"].startswith("minilm-l6-v2:")
        assert "Ingrid" in after["data"][0]["text"]
        say(http, "Which boat is the last one?")
        assert replays(http) == [True, True, True]

    with former(tmp_path) as http:
        assert recalled(http, at) == before
