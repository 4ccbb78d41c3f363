"""Sessions on their way: imported with their dates, talked on, exported, imported elsewhere; and views made anew."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.e2e.answers import answers, without
from tests.e2e.talking import all_identical, ask, user
from tests.server_process import ServerProcess, run, started

LIGHTHOUSE = Path(__file__).parents[1] / "fixtures" / "lighthouse.json"
"""Nora and Edvin, 24 messages from September 2024 to March 2025."""

QUESTIONS = ("Who ate the logbook?", "How many men were on board of the trawler?")
MANY = 10_000


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A session that was imported and talked on: what its server told of it as of `version`, before it stopped."""

    folder: Path
    version: int
    export: bytes
    answers: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.answers["/sessions/skarv/messages"]["data"]


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    folder = tmp_path_factory.mktemp("carried")
    with started(folder) as server:
        conversation = json.loads(LIGHTHOUSE.read_text())
        server.post("/sessions/import?id=skarv", conversation)
        persona = conversation["messages"][0]["text"]
        with server.openai("skarv") as client:
            replies = [
                ask(client, [{"role": "system", "content": persona}, *user(question)]).text for question in QUESTIONS
            ]
        _wait_for_the_background(server, "skarv")
        export = server.http.get("/sessions/skarv/export").content
        version: int = json.loads(export.partition(b"\n")[0])["version"]
        told = answers(server, "skarv", version, *QUESTIONS)
    assert "She ate the logbook" in replies[0]
    assert "with seven men on board" in replies[1]
    return Carried(folder=folder, version=version, export=export, answers=told)


def _wait_for_the_background(server: ServerProcess, session: str) -> None:
    """Until a summary is written and every text, that one's too, has its vector."""
    deadline = monotonic() + 30
    while server.get(f"/sessions/{session}")["summary"] is None or _some_wait(server, session):
        assert monotonic() < deadline, "the background does not come to an end"
        sleep(0.05)


def _some_wait(server: ServerProcess, session: str) -> bool:
    """Nobody said this word: a text without a vector has nothing that it could be found by."""
    return "vector_pending" in server.post(f"/sessions/{session}/recall", {"query": "xylophone"})["verdicts"]


def test_what_is_imported_keeps_its_dates_and_speakers(carried: Carried) -> None:
    imported = carried.messages[:24]

    assert {message["origin"] for message in imported} == {"imported"}
    assert [(message["role"], message["name"]) for message in imported[:2]] == [
        ("user", "Nora"),
        ("assistant", "Edvin"),
    ]
    assert imported[0]["created"] == "2024-09-02T06:00:00+00:00"
    assert [message["created"] for message in imported[20:22]] == [
        "2025-03-15T08:00:00+00:00",
        "2025-03-15T08:00:01+00:00",
    ]
    emotions = {one["of"]: one["dominant"] for one in carried.answers["/sessions/skarv/emotions"]["data"]}
    assert emotions.keys() == {message["version"] for message in carried.messages}
    assert emotions[imported[9]["version"]] == "sadness"
    assert carried.answers["/sessions/skarv"]["persona"]["text"].startswith("You are Edvin")


def test_an_export_imported_elsewhere_gives_the_same_answers(carried: Carried, tmp_path: Path) -> None:
    (tmp_path / "skarv.jsonl").write_bytes(carried.export)

    made = run(tmp_path, "import", "skarv.jsonl", "--as", "skarv")

    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == f"session skarv: 28 messages, version {carried.version}\n"
    with started(tmp_path) as elsewhere:
        told = answers(elsewhere, "skarv", carried.version, *QUESTIONS)
        assert all_identical(elsewhere, "skarv")
    # Every log salts its own hash chain.
    assert without("chain", told) == without("chain", carried.answers)


def test_views_made_anew_give_the_same_answers(carried: Carried) -> None:
    views = carried.folder / "data" / "views" / "0" / "views.sqlite3"
    before = views.stat()
    shutil.copytree(views.parent, carried.folder / "data" / "views" / "1")

    rebuilt = run(carried.folder, "rebuild")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout == f"views rebuilt up to position {carried.version}\n"
    assert views.stat().st_ino != before.st_ino
    assert not (carried.folder / "data" / "views" / "1" / views.name).exists()
    with started(carried.folder) as server:
        assert answers(server, "skarv", carried.version, *QUESTIONS) == carried.answers


def test_a_running_server_takes_views_that_were_made_anew(server: ServerProcess, folder: Path) -> None:
    rebuilt = run(folder, "rebuild")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout == f"views rebuilt up to position {server.get('/health')['log']['position']}\n"
    assert server.get("/health")["status"] == "ok"


@pytest.mark.parametrize(
    ("body", "told", "param"),
    [
        (
            b'[{"role":"user","content":"a"},{"role":"ghost","content":"b"}]',
            "Message 2: unknown role",
            "messages.2.role",
        ),
        (
            b'{"role":"user","text":"a"}\n{"role":"user","text":"b"}\n{"role":"user"',
            "Line 3, the last, is cut off",
            "lines.3",
        ),
        (b'{"speaker":"Nora","text":"a"}\n{"speaker":"Nora","text":"b","time":"soon"}', "Line 2: time", "lines.2.time"),
    ],
)
def test_a_broken_import_names_the_place_and_stores_nothing(
    server: ServerProcess, body: bytes, told: str, param: str
) -> None:
    refused = server.http.post("/sessions/import?id=broken", content=body)

    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["message"].startswith(told)
    assert error["param"] == param
    assert server.http.get("/sessions/broken").status_code == 404


def test_an_export_that_lost_a_line_is_not_imported(server: ServerProcess, carried: Carried) -> None:
    lines = carried.export.splitlines(keepends=True)

    refused = server.http.post("/sessions/import?id=holed", content=b"".join([*lines[:9], *lines[10:]]))

    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "Line 10: version 9 is missing."
    assert server.http.get("/sessions/holed").status_code == 404


def test_ten_thousand_messages_come_in_at_once_and_are_talked_about(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        begun = monotonic()
        made = server.post("/sessions/import?id=long", {"messages": list(long_dialogue())})
        took = monotonic() - begun
        with server.openai("long") as client:
            reply = ask(client, "Who mended the weathercock of parish 4321?")
        last = server.get("/sessions/long/messages", after=9999, limit=10)["data"]
        seconds_to_stop = server.stop()

    assert made["messages"] == MANY
    assert took < 15
    assert "Verger 4321 mended the weathercock" in reply.text
    assert [message["text"] for message in last[-1:]] == [reply.text]
    assert seconds_to_stop < 10


def long_dialogue() -> Iterator[dict[str, str]]:
    """Five thousand questions and answers, a minute apart."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(MANY // 2):
        when = start + timedelta(minutes=2 * number)
        yield {"role": "user", "content": f"How is parish {number}?", "time": when.isoformat()}
        text = f"Verger {number} mended the weathercock of parish {number}, and the bell was rung."
        yield {"role": "assistant", "content": text, "time": (when + timedelta(minutes=1)).isoformat()}
