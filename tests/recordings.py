"""Recorded requests of a client, in the order in which they came, each with the chat that was on its screen afterwards.

NN-name.jsonl    a request a line: label, body, and what was answered
chats.json       after each action of the user: label, file, and the chat as the user sees it
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.keys import normalised

Shown = tuple[str, str]
"""Role's first letter, and the text as it is compared."""


@dataclass(frozen=True, kw_only=True)
class Chat:
    """What was on the screen. `name` is the client's own name for the chat; a branch has its trunk's."""

    name: str
    shown: Sequence[Shown]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One request and what was answered. `chat` is None where nothing was noted, or another request of the same action
    follows."""

    file: str
    label: str
    path: str
    body: dict[str, Any] | None
    headers: Mapping[str, str]
    status: int
    mode: str
    texts: Sequence[str]
    sent_before_close: str | None
    error: dict[str, Any] | None
    chat: Chat | None


def recordings(folder: Path) -> list[Recorded]:
    """All of a folder, file by file."""
    chats = _chats(folder)
    found: list[Recorded] = []
    for file in sorted(folder.glob("*.jsonl")):
        rows: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
        for place, row in enumerate(rows):
            last = place + 1 == len(rows) or rows[place + 1]["label"] != row["label"]
            found.append(_recorded(file.name, row, chats.get((file.name, row["label"])) if last else None))
    return found


def _recorded(file: str, row: Mapping[str, Any], chat: Chat | None) -> Recorded:
    response: Mapping[str, Any] = row.get("response") or {}
    headers: Mapping[str, str] = row.get("headers") or {}
    return Recorded(
        file=file,
        label=row["label"],
        path=row.get("path") or "/v1/chat/completions",
        body=row.get("body"),
        headers={name: value for name, value in headers.items() if name.lower().startswith("x-")},
        status=response.get("status", 200),
        mode=response.get("mode") or "normal",
        texts=response.get("texts") or [""],
        sent_before_close=response.get("sent_before_close") if response.get("client_closed") else None,
        error=response.get("json"),
        chat=chat,
    )


def _chats(folder: Path) -> dict[tuple[str, str], Chat]:
    file = folder / "chats.json"
    entries: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return {(entry["file"], entry["label"]): _chat(entry) for entry in entries if "chat" in entry}


def _chat(entry: Mapping[str, Any]) -> Chat:
    name: str = entry["chat"].get("chatId") or entry["file"]
    return Chat(
        name=name.split(" - Branch")[0].split(" - Checkpoint")[0], shown=list(_shown(entry["chat"]["messages"]))
    )


def _shown(messages: Iterable[Mapping[str, Any]]) -> Iterable[Shown]:
    """What belongs to the dialogue: no hidden messages, no narrator lines, no empty ones."""
    for message in messages:
        if not message["system"] and message.get("type") != "narrator" and message["text"].strip():
            yield ("u" if message["user"] else "a", normalised(message["text"]))
