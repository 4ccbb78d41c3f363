"""A walk through time with a conversation that was imported: back to its middle, on from there, and beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.talking import all_identical, ask, messages
from tests.server_process import ServerProcess, run, started

LIGHTHOUSE = Path(__file__).parents[1] / "fixtures" / "lighthouse.json"
"""Nora and Edvin, 24 messages from September 2024 to March 2025."""

LATER = "Havbris"
"""A word of the second half only."""


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A server with the session `skarv`, imported; `middle` is the version of its twelfth message."""

    server: ServerProcess
    middle: int
    before: list[dict[str, Any]]

    def recalled(self, session: str, query: str) -> list[str]:
        answer = self.server.post(f"/sessions/{session}/recall", {"query": query, "k": 50})
        return [one["text"] for one in answer["data"]]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    assert run(folder, "import", str(LIGHTHOUSE), "--as", "skarv").returncode == 0
    with started(folder) as server:
        said = server.get("/sessions/skarv/messages", limit=1000)["data"]
        middle: int = said[11]["version"]
        yield Walk(server=server, middle=middle, before=said)


def test_a_walk_through_time(walk: Walk) -> None:
    server, middle = walk.server, walk.middle
    whole = server.post("/sessions/skarv/fork", {"as": "whole"})
    assert any(LATER in text for text in walk.recalled("skarv", "Which trawler found the harbour?"))

    # Back to the middle, and on from there.
    rewound = server.post("/sessions/skarv/rewind", {"to": middle})
    assert rewound["path_length"] == 12
    assert server.get("/sessions/skarv/messages")["data"] == walk.before[:12]
    with server.openai("skarv") as client:
        replies = [ask(client, text) for text in ("Which trawler found the harbour?", "Shall we light the lamp?")]
    audits = [server.get(f"/sessions/skarv/turns/{reply.turn}") for reply in replies]
    later = {message["version"] for message in walk.before[12:]}
    shown = [one["version"] for audit in audits for one in audit["candidates"]]
    assert shown
    assert not later & set(shown)
    assert not [sent for sent in audits[0]["context"][:-1] if LATER in sent["content"]]
    assert not [text for text in walk.recalled("skarv", "Which trawler?") if LATER in text]

    # Beside it: a fork of the same moment, one memory brought over.
    fork = server.post("/sessions/skarv/fork", {"at": middle, "as": "beside"})
    assert fork == {"session_id": "beside", "parent": "skarv", "at": middle}
    memory = next(message for message in walk.before[12:] if LATER in message["text"])
    server.post("/sessions/beside/carry", {"from": "whole", "version": memory["version"]})
    assert memory["text"] in walk.recalled("beside", "Which trawler found the harbour?")
    with server.openai("beside") as client:
        told = ask(client, "Which trawler found the harbour?")
    kept = {one["kind"] for one in server.get(f"/sessions/beside/turns/{told.turn}")["candidates"]}
    assert "carried" in kept

    # What each knows alone.
    different = server.get("/sessions/skarv/diff/beside")
    assert different["common"] == {"session_id": "skarv", "version": middle, "messages": 12}
    assert [one["text"] for one in different["a"]["messages"]] == [text for _, text in messages(server, "skarv")[12:]]
    assert [one["text"] for one in different["b"]["carried"]] == [memory["text"]]
    against_whole = server.get("/sessions/whole/diff/skarv")
    assert [one["version"] for one in against_whole["a"]["messages"]] == sorted(later)
    assert (whole["parent"], against_whole["common"]["messages"]) == ("skarv", 12)

    # Every context that was ever shown is what it was.
    assert all_identical(server, "skarv")
    assert all_identical(server, "beside")


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("skarv/rewind", {"to": 0}, 400, "to"),
        ("skarv/rewind", {"to": -3}, 400, "to"),
        ("skarv/rewind", {"to": 10**9}, 400, "to"),
        ("skarv/rewind", {"to": True}, 400, "to"),
        ("skarv/rewind", {}, 400, "to"),
        ("skarv/rewind", [], 400, None),
        ("nobody/rewind", {"to": 1}, 404, "session_id"),
        ("skarv/fork", {"at": 10**9}, 400, "at"),
        ("skarv/fork", {"at": 1, "as": "skarv"}, 409, "as"),
        ("skarv/fork", {"at": 1, "as": "a/b"}, 400, "as"),
        ("skarv/fork", {"at": 1, "as": ""}, 400, "as"),
        ("skarv/carry", {"from": "nobody", "version": 4}, 404, "session_id"),
        ("skarv/carry", {"from": "skarv", "version": 1}, 400, "version"),
        ("skarv/carry", {"version": 4}, 400, "from"),
    ],
)
def test_what_cannot_be_asked_is_told_and_changes_nothing(
    walk: Walk, path: str, body: object, status: int, param: str | None
) -> None:
    before = walk.server.get("/sessions")

    refused = walk.server.http.post(f"/sessions/{path}", json=body)

    assert refused.status_code == status
    assert refused.json()["error"]["param"] == param
    assert walk.server.get("/sessions") == before


def test_a_client_that_still_shows_what_was_cut_off_does_not_bring_it_back(walk: Walk) -> None:
    """It knows nothing of the rewind and sends its whole transcript."""
    server, head = walk.server, walk.before[-1]["version"]
    server.post("/sessions/skarv/fork", {"at": head, "as": "stubborn"})
    server.post("/sessions/stubborn/rewind", {"to": walk.middle})
    shown: list[Any] = [{"role": one["role"], "content": one["text"]} for one in walk.before]

    with server.openai("stubborn") as client:
        told = ask(client, [*shown, {"role": "user", "content": "Is there news?"}])

    said = [text for _, text in messages(server, "stubborn")]
    assert said == [one["text"] for one in walk.before[:12]] + ["Is there news?", told.text]
    assert "cut off by a rewind" in told.headers["x-heartline-warning"]
