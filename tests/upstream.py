"""A fake OpenAI server over real HTTP, on a free loopback port and in a thread of its own.

    with FakeUpstream() as upstream:
        upstream.will(refusal(429, headers={"Retry-After": "1"}), reply("Hello", " there."))
        ... a client asks upstream.base_url twice ...
        upstream.requests[0].body["messages"]

It plays its answers in order, the last one again and again, and notes each request and whether the client hung up.
"""

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal, Self, cast

End = Literal["done", "cut", "hang", "silent"]
"""After the frames: `[DONE]`; break off inside a chunk; wait for the client to leave; end without `[DONE]`."""

Frame = Mapping[str, Any] | str
"""An object, sent as JSON, or raw text."""

USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 8,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
CONTENT_TYPES = {"stream": "text/event-stream", "json": "application/json", "page": "text/html"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server does with one request. `gap` seconds pass before each frame of a stream."""

    status: int = 200
    kind: Literal["stream", "json", "page"] = "stream"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    frames: Sequence[Frame] = ()
    gap: float = 0
    end: End = "done"


@dataclass(slots=True)
class Request:
    """A request as it came in. `hung_up` is set when the client closed its socket before the answer was over."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    answered: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)


def chunk(delta: Mapping[str, object] | None = None, *, reason: str | None = None, **more: object) -> dict[str, Any]:
    """One frame of a stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": reason}
    return {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": "fake-1"} | {
        "choices": [choice],
        **more,
    }


def reply(*pieces: str, reason: str = "stop", gap: float = 0, usage: Mapping[str, object] | None = USAGE) -> Answer:
    """A good stream of these pieces."""
    frames = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces)]
    frames.append(chunk(reason=reason))
    if usage is not None:
        frames.append(chunk(choices=[], usage=usage))
    return Answer(frames=frames, gap=gap)


def calling_all(*calls: tuple[str, str, str]) -> Answer:
    """A good stream that calls tools, each given by id, name and arguments, which come in two pieces."""
    frames: list[Frame] = []
    for place, (name_of_call, name, arguments) in enumerate(calls):
        half = len(arguments) // 2
        function = {"name": name, "arguments": ""}
        frames.append(_call({"index": place, "id": name_of_call, "type": "function", "function": function}))
        frames += [
            _call({"index": place, "function": {"arguments": piece}}) for piece in (arguments[:half], arguments[half:])
        ]
    return Answer(frames=[*frames, chunk(reason="tool_calls"), chunk(choices=[], usage=USAGE)])


def _call(piece: Mapping[str, object]) -> dict[str, Any]:
    return chunk({"tool_calls": [piece]})


def choices(*texts: str) -> Answer:
    """A good stream with as many choices, interleaved by their halves."""
    halves = [(text[: len(text) // 2], text[len(text) // 2 :]) for text in texts]
    pieces = [(index, half[place]) for place in (0, 1) for index, half in enumerate(halves)]
    said = [{"index": index, "delta": {"content": piece}, "finish_reason": None} for index, piece in pieces]
    ends: list[dict[str, object]] = [
        {"index": index, "delta": {}, "finish_reason": "stop"} for index in range(len(texts))
    ]
    frames = [chunk(choices=[choice]) for choice in [*said, *ends]]
    return Answer(frames=[*frames, chunk(choices=[], usage=USAGE)])


def refusal(
    status: int,
    *,
    code: str | None = None,
    message: str = "no",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error before the stream."""
    error = {"message": message, "type": "error", "param": param, "code": code}
    return Answer(status=status, kind="json", headers=headers or {}, frames=[{"error": error}])


def cut(*pieces: str) -> Answer:
    """Pieces, then the connection breaks."""
    return Answer(frames=[chunk({"content": piece}) for piece in pieces], end="cut")


def hanging(*pieces: str) -> Answer:
    """Pieces, then nothing more until the client leaves."""
    return Answer(frames=[chunk({"content": piece}) for piece in pieces], end="hang")


def failing_inside(*pieces: str, code: str | int = "server_error", message: str = "overloaded") -> Answer:
    """Pieces, then an error object inside the stream."""
    error = {"error": {"message": message, "type": "server_error", "code": code}}
    return Answer(frames=[*(chunk({"content": piece}) for piece in pieces), error])


def blocked(*, choices: list[object] | None = None) -> Answer:
    """A stream in which no candidate ever appears: `choices` is empty or null."""
    return Answer(frames=[chunk(choices=choices), chunk(choices=choices, usage=USAGE)])


def withheld(*pieces: str) -> Answer:
    """A reply that the upstream breaks off for its content, after these pieces of it."""
    return reply(*pieces, reason="content_filter")


def nothing() -> Answer:
    """A stream without any choice, and no word why."""
    return blocked(choices=[])


def calling(name: str, arguments: Mapping[str, Any]) -> Answer:
    """A stream with one call of a function."""
    return calling_all(("call_1", name, json.dumps(arguments)))


def unfinished(*pieces: str) -> Answer:
    """Pieces, and an end of the stream before the end of the reply."""
    return Answer(frames=[chunk({"content": piece}) for piece in pieces], end="silent")


class FakeUpstream:
    """The server. `base_url` ends in /v1; `GET /v1/models` lists `models`, or answers 500 when that is empty."""

    def __init__(self, *, models: Sequence[str] = ("fake-1", "fake-2")) -> None:
        self.models = list(models)
        self.requests: list[Request] = []
        self._answers = [reply("Hello", " there.")]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-upstream", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, "127.0.0.1", 0), self._loop
        ).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def will(self, *answers: Answer) -> None:
        """Answer the next chat requests so."""
        self._answers = list(answers)

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # clients that leave are what tests are about
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        self.requests.append(request)
        watch = asyncio.create_task(watch_client(reader, request))
        try:
            await self.respond(request, writer, watch)
        finally:
            request.answered.set()
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def next_answer(self) -> Answer:
        """The answer that is due."""
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def respond(self, request: Request, writer: asyncio.StreamWriter, client: asyncio.Task[None]) -> None:
        """Answer one request. `client` is done when the client has gone."""
        if request.method == "GET":
            await send(self._listing(), writer, client)
            return
        answer = self.next_answer()
        if request.body.get("stream") is not True and answer.kind == "stream":
            answer = replace(answer, kind="json", frames=[completion(answer)])
        await send(answer, writer, client)

    def _listing(self) -> Answer:
        if not self.models:
            return refusal(500)
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "fake"} for name in self.models]
        return Answer(kind="json", frames=[{"object": "list", "data": data}])


def completion(answer: Answer) -> dict[str, Any]:
    """What a stream's frames say, as one plain completion."""
    frames = [frame for frame in answer.frames if not isinstance(frame, str)]
    choices: list[Any] = [choice for frame in frames for choice in cast(list[Any], frame.get("choices") or [])]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    message = {"role": "assistant", "content": text, "refusal": None}
    whole = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {"id": "chatcmpl-fake", "object": "chat.completion", "created": 1, "model": "fake-1"} | {
        "choices": [whole],
        "usage": USAGE,
    }


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Head and body; every connection serves one request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method=method, path=path, headers=headers, body=json.loads(body) if body else {})


async def watch_client(reader: asyncio.StreamReader, request: Request) -> None:
    """Nothing more is to come from the client but its farewell."""
    with suppress(ConnectionError):
        await reader.read()
    if not request.answered.is_set():
        request.hung_up.set()


async def send(answer: Answer, writer: asyncio.StreamWriter, client: asyncio.Task[None]) -> None:
    """The head, then the frames in chunked encoding. `client` is done when the client has gone."""
    headers = {"Content-Type": CONTENT_TYPES[answer.kind], "Transfer-Encoding": "chunked", "Connection": "close"}
    headers |= answer.headers
    lines = [
        f"HTTP/1.1 {answer.status} Fake",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    for frame in answer.frames:
        await asyncio.sleep(answer.gap)
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await write(writer, f"data: {text}\n\n" if answer.kind == "stream" else text)
    match answer.end:
        case "hang":
            await asyncio.wait([client])
        case "cut":
            writer.write(b"ff\r\ndata: {")
        case "silent":
            await write(writer, "")
        case "done":
            await write(writer, "data: [DONE]\n\n" if answer.kind == "stream" else " ")
            await write(writer, "")


async def write(writer: asyncio.StreamWriter, text: str) -> None:
    """One chunk; the empty one ends the body."""
    content = text.encode()
    writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    await writer.drain()
