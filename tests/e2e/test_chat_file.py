"""A chat that was begun in SillyTavern is brought to a real server, gone on with, and taken back."""

import json
from pathlib import Path

from tests.chat_files import EVENING, file_of
from tests.e2e.talking import all_identical, ask, messages
from tests.server_process import started


def test_a_chat_file_is_brought_gone_on_with_and_taken_back(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        made = server.http.post("/sessions/import", params={"id": "evening"}, content=file_of(EVENING))
        assert made.raise_for_status().json()["messages"] == 6
        before = server.http.get("/sessions/evening/export", params={"format": "sillytavern"}).content
        # What SillyTavern shows of that file, with one more line.
        shown = [{"role": role, "content": text} for role, text in messages(server, "evening")]
        with server.openai("evening") as client:
            told = ask(client, [*shown, {"role": "user", "content": "Is the ferry late again?"}])  # pyright: ignore[reportArgumentType]
        after = server.http.get("/sessions/evening/export", params={"format": "sillytavern"}).content

        assert [json.loads(line) for line in before.splitlines()] == EVENING
        *old, asked, reply = [json.loads(line) for line in after.splitlines()]
        assert old == EVENING
        assert (asked["mes"], reply["mes"]) == ("Is the ferry late again?", told.text)
        assert (asked["name"], reply["name"]) == ("Robin", "Mira")
        assert all_identical(server, "evening")
