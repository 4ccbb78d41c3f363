"""A client that streams replies over one kept connection and costs as little as it can: it shares the machine."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

import orjson

_TOKEN: Final = re.compile(rb'"content":"[^"]')
_TURN: Final = re.compile(rb"x-turn-id: (\w+)", re.IGNORECASE)
_END: Final = b"\r\n0\r\n\r\n"
_READ: Final = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A reply as it came in: milliseconds from the request to its first token and to its end, and its turn's id."""

    first_ms: float
    total_ms: float
    turn: str


class Caller:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connected(cls, url: str) -> Self:
        """To the host and port of the URL."""
        place = urlsplit(url)
        return cls(*await asyncio.open_connection(place.hostname, place.port, limit=_READ))

    async def ask(self, path: str, text: str) -> Heard:
        """Say one thing and hear the whole reply. Raises RuntimeError when it is not one."""
        body = orjson.dumps({"model": "stub", "stream": True, "messages": [{"role": "user", "content": text}]})
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        began = time.perf_counter()
        self._writer.write(head.encode() + b"\r\n\r\n" + body)
        received, first = b"", None
        while not received.endswith(_END):
            piece = await self._reader.read(_READ)
            received += piece
            if first is None and _TOKEN.search(received):
                first = time.perf_counter()
            if not piece or b" 200 " not in received[:20]:
                break
        ended = time.perf_counter()
        if first is None or b"data: [DONE]" not in received:
            raise RuntimeError(f"No whole reply: {received[:500]!r} … {received[-300:]!r}")
        turn = _TURN.search(received)
        return Heard(
            first_ms=(first - began) * 1000,
            total_ms=(ended - began) * 1000,
            turn=turn[1].decode() if turn is not None else "",
        )

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def ask_all(
    url: str,
    clients: int,
    asked: Sequence[tuple[str, str]],
    done: Callable[[], None] = lambda: None,
    pause_seconds: float = 0.0,
) -> list[Heard]:
    """Every reply to these paths and texts, in the order asked. Client n asks the n-th of every round of `clients`, one
    after the other, with a pause between them; `done` is called after each reply."""
    heard: dict[int, Heard] = {}

    async def client(first: int) -> None:
        caller = await Caller.connected(url)
        for number in range(first, len(asked), clients):
            heard[number] = await caller.ask(*asked[number])
            done()
            await asyncio.sleep(pause_seconds)
        await caller.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return [heard[number] for number in range(len(asked))]
