"""Replays recorded requests against a real server and compares its path with the chat that was on the screen.

    python -m tests.replay DIRECTORY

The model behind the server answers what the recording's answered, with its cut where the user pressed Stop. Each line
tells what a request was, what it made the session do, whether it was stored, and whether the path is the chat:

    equal     message for message
    longer    but for the newest reply, of which the client kept less
    piece     but for the newest reply, which failed half-way and of which the client keeps a piece
    OTHER     anything else, or another session than the chat had before
    -         nothing to compare: the prompt belonged to no chat, or more requests of the same action follow
"""

import json
import re
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx2

from domain.keys import normalised
from tests.recordings import Recorded, Shown, recordings
from tests.server_process import ServerProcess, started
from tests.upstream import Answer, FakeUpstream, cut, failing_inside, hanging, refusal, reply

Agreement = Literal["equal", "longer", "piece", "OTHER", "-"]

PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a request led to."""

    request: Recorded
    operations: str
    stored: bool
    agreement: Agreement
    difference: Sequence[str] = ()

    @property
    def line(self) -> str:
        stored = "stored" if self.stored else "not stored"
        return f"{self.request.file[:2]} {self.request.label:34.34} {stored:10} {self.agreement:7} {self.operations}"


@dataclass
class Replayer:
    """Sends recorded requests, one after the other."""

    server: ServerProcess
    upstream: FakeUpstream
    sessions: dict[str, str] = field(default_factory=dict[str, str])
    versions: dict[str, int] = field(default_factory=dict[str, int])

    def replay(self, request: Recorded) -> Outcome:
        self.upstream.will(_answer(request))
        headers, heard = self._send(request)
        session = headers.get("x-session-id")
        chat = request.chat
        known = self.sessions.get(chat.name) if chat is not None else None
        operations = self._operations(session) if session else ""
        stored = "x-turn-id" in headers or request.status >= 400
        if chat is None or (session is None and known is None):
            if session is not None and chat is not None:
                self.sessions[chat.name] = session
            return Outcome(request=request, operations=operations, stored=stored, agreement="-")
        if session is not None and known is None:
            self.sessions[chat.name] = known = session
        assert known is not None
        path = self._path(known)
        agreement = _agreement(chat.shown, path, normalised(heard))
        if session not in (None, known):
            agreement = "OTHER"
        return Outcome(
            request=request,
            operations=operations,
            stored=stored,
            agreement=agreement,
            difference=_difference(chat.shown, path) if agreement == "OTHER" else (),
        )

    def _send(self, request: Recorded) -> tuple[httpx2.Headers, str]:
        """The response's headers, and as much of the text as the client read."""
        headers = {**request.headers, "content-type": "application/json"}
        content = json.dumps(request.body).encode()
        with self.server.http.stream("POST", request.path, content=content, headers=headers) as response:
            heard = ""
            for line in response.iter_lines():
                heard += _piece(line)
                if request.sent_before_close is not None and len(heard) >= len(request.sent_before_close):
                    break
        if request.sent_before_close is not None:
            self._await_end(response.headers.get("x-session-id"))
        return response.headers, heard

    def _await_end(self, session: str | None) -> None:
        """Wait until what was heard is stored: the server notices by itself that the client has gone."""
        for _ in range(200):
            last = self.server.get(f"/sessions/{session}/events", limit=1, after=self._last(session) - 1)["data"]
            if last and last[-1]["type"] != "session.context-built":
                return

    def _last(self, session: str | None) -> int:
        return int(self.server.get(f"/sessions/{session}")["version"])

    def _operations(self, session: str) -> str:
        """What happened in the session since the last time."""
        after = self.versions.get(session, 0)
        events: list[dict[str, Any]] = self.server.get(f"/sessions/{session}/events", limit=PAGE, after=after)["data"]
        if events:
            self.versions[session] = events[-1]["version"]
        return ", ".join(word for event in events if (word := _word(event)))

    def _path(self, session: str) -> list[Shown]:
        listed = self.server.get(f"/sessions/{session}/messages", limit=PAGE)["data"]
        return [(message["role"][0], normalised(message["text"])) for message in listed]


def _word(event: dict[str, Any]) -> str:
    kind, data = event["type"].removeprefix("session."), event["data"]
    match kind:
        case "path-changed":
            return str(data["cause"])
        case "context-built":
            return f"[{data['kind']}]"
        case "turn-failed":
            return f"failed: {data['code']}"
        case "message-received":
            return "message" if data["origin"] == "client" else str(data["origin"])
        case "message-edited" | "reply-completed" | "reply-extended":
            return kind
        case _:
            return ""


def _piece(line: str) -> str:
    """The text in a line of a stream, or of a whole answer."""
    data = line.removeprefix("data: ")
    if not data.startswith("{"):
        return ""
    choices: list[dict[str, Any]] = json.loads(data).get("choices") or [{}]
    first: dict[str, Any] = choices[0].get("delta") or choices[0].get("message") or {}
    return first.get("content") or ""


def _answer(request: Recorded) -> Answer:
    """What the model does this time."""
    text = request.texts[0]
    match request.mode:
        case _ if request.status >= 400:
            error: Mapping[str, Any] = (request.error or {}).get("error") or {}
            return refusal(request.status, code=error.get("code"), message=error.get("message") or "refused")
        case _ if request.sent_before_close is not None:
            return hanging(*_words(request.sent_before_close))
        case "mid_error":
            return failing_inside(*_words(_kept(request)))
        case "drop":
            return cut(*_words(_kept(request)))
        case _:
            return reply(*_words(text))


def _kept(request: Recorded) -> str:
    """As much of the text as the client kept, or its first half."""
    text = request.texts[0]
    last = request.chat.shown[-1][1] if request.chat is not None and request.chat.shown else ""
    kept = next((text[:end] for end in range(len(text) + 1) if normalised(text[:end]) == last), "")
    return kept or text[: len(text) // 2]


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*", text) or [""]


def _agreement(shown: Sequence[Shown], path: Sequence[Shown], heard: str) -> Agreement:
    if list(shown) == list(path):
        return "equal"
    if len(shown) == len(path) and list(shown[:-1]) == list(path[:-1]):
        (role, kept), (of_path, ours) = shown[-1], path[-1]
        return "longer" if role == of_path and ours.startswith(kept) else "OTHER"
    if list(shown[:-1]) == list(path) and shown[-1][0] == "a" and heard.startswith(shown[-1][1]):
        return "piece"
    return "OTHER"


def _difference(shown: Sequence[Shown], path: Sequence[Shown]) -> list[str]:
    lines = [f"  on screen  {role} {text[:100]}" for role, text in shown if (role, text) not in path]
    lines += [f"  on path    {role} {text[:100]}" for role, text in path if (role, text) not in shown]
    return lines or ["  the order, or the session, is another"]


@contextmanager
def replaying() -> Generator[Replayer]:
    """A server with an empty memory and the model behind it."""
    with tempfile.TemporaryDirectory() as folder, FakeUpstream() as upstream:
        settings = {"MODEL_PROVIDER": "openai", "OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "none"}
        with started(Path(folder), **settings) as server:
            yield Replayer(server, upstream)


def replay(requests: Sequence[Recorded]) -> Iterator[Outcome]:
    """Each request's outcome, as it comes. Whatever is no chat request is passed over."""
    with replaying() as replayer:
        for request in requests:
            if request.body is not None and request.path.endswith("/chat/completions"):
                yield replayer.replay(request)


def main(folder: Path) -> int:
    """Replay all of a folder; 0 when every path agrees."""
    compared = agreed = 0
    for outcome in replay(recordings(folder)):
        say(outcome.line, *outcome.difference)
        compared += outcome.agreement != "-"
        agreed += outcome.agreement not in ("-", "OTHER")
    say("", f"{agreed} of {compared} requests leave the path equal to the chat on screen.")
    return 0 if agreed == compared else 1


def say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.replay DIRECTORY")
    sys.exit(main(Path(sys.argv[1])))
