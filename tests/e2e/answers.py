"""All that a server answers about one session, to be compared with what it, or another one, answers later."""

from typing import Any, cast

from tests.e2e.talking import events, replays, turns
from tests.server_process import ServerProcess


def answers(server: ServerProcess, session: str, at: int, *questions: str) -> dict[str, Any]:
    """What every read route says as of a version, and what is recalled for the questions."""
    base = f"/sessions/{session}"
    paths = [base, *(f"{base}/{what}" for what in ("messages", "emotions", "summaries"))]
    paths += [f"{base}/turns/{turn}" for turn in turns(server, session)]
    found = {path: server.get(path, at=at) for path in paths}
    found |= {text: server.post(f"{base}/recall", {"query": text, "k": 5, "at": at}) for text in questions}
    found["events"] = [event for event in events(server, session) if event["version"] <= at]
    found["replays"] = replays(server, session)
    return found


def without(name: str, value: Any) -> Any:
    """The same JSON, but for the fields of that name."""
    match value:
        case dict():
            fields = cast("dict[str, Any]", value)
            return {key: without(name, inner) for key, inner in fields.items() if key != name}
        case list():
            return [without(name, inner) for inner in cast("list[Any]", value)]
        case _:
            return value
