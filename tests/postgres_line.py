"""A line to PostgreSQL that can break at the worst moment: after a commit arrived and before its answer does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field


@dataclass
class Line:
    """Passes bytes on between a port of ours and the server's socket file."""

    socket: str
    port: int = 0
    breaks_at_commit: bool = False
    """Let the next COMMIT through to the server, and hang up instead of passing its answer on."""
    broken: int = 0
    calls: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.create_task(self._call(reader, writer))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_unix_connection(self.socket)
        with closing(writer), closing(asks), suppress(ConnectionError):
            passing_back = asyncio.create_task(_pass_on(answers, writer))
            while data := await reader.read(65536):
                breaks = self.breaks_at_commit and b"COMMIT\0" in data
                if breaks:
                    passing_back.cancel()
                    await asyncio.wait([passing_back])
                    self.breaks_at_commit = False
                    self.broken += 1
                asks.write(data)
                await asks.drain()
                if breaks:
                    await answers.read(65536)
                    break
            passing_back.cancel()
            await asyncio.wait([passing_back])


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer), suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)


@asynccontextmanager
async def line_to(socket: str) -> AsyncGenerator[Line]:
    """A line, open until the block ends."""
    line = Line(socket)
    server = await asyncio.start_server(line.connected, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        calls = list(line.calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
