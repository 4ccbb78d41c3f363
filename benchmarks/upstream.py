"""A language model that costs next to nothing: `python -m benchmarks.upstream` streams canned replies of 50 chunks.

It speaks OpenAI's protocol on a free loopback port, which its first line of output tells, and sends a whole reply in
one write. So what a turn takes beside it is what the server between adds.
"""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, cast

import orjson
import uvloop

from benchmarks.chat import conversation

CHUNKS: Final = 50
REPLIES: Final = 4096
"""Different replies, one after the other: equal ones would be remembered as one, and encoded once."""

_LISTING: Final = b'{"object":"list","data":[{"id":"stub","object":"model","created":1,"owned_by":"bench"}]}'


@contextmanager
def upstream() -> Generator[str]:
    """The stub in a process of its own; its base URL, which ends in /v1."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.upstream"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


class _Connection(asyncio.Protocol):
    """Answers one request after the other, each when its body is complete."""

    def __init__(self, replies: "itertools.cycle[bytes]") -> None:
        self._replies = replies
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head):
            self._received = b""
            self._transport.write(next(self._replies) if head.startswith(b"POST") else _plain(_LISTING))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _reply(words: list[str]) -> bytes:
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in words)]
    frames = [_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    frames.append(_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    usage = {"prompt_tokens": 1000, "completion_tokens": CHUNKS, "total_tokens": 1000 + CHUNKS}
    frames.append(_chunk([], usage=usage))
    body = b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for frame in [*frames, b"data: [DONE]\n\n"])
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % body


def _chunk(choices: list[dict[str, object]], **more: object) -> bytes:
    chunk = {"id": "chatcmpl-stub", "object": "chat.completion.chunk", "created": 1, "model": "stub"}
    return b"data: %s\n\n" % orjson.dumps(chunk | {"choices": choices} | more)


def _replies() -> list[bytes]:
    words = " ".join(message.text for message in conversation(REPLIES * CHUNKS // 5, seed=3)).split()
    return [_reply(words[start * CHUNKS : (start + 1) * CHUNKS]) for start in range(REPLIES)]


async def _serve() -> None:
    replies = itertools.cycle(_replies())
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(replies), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
