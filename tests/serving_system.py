"""A whole system behind the real server, on a loop of its own: log on SQLite, fakes for model and encoder.

with served_system(tmp_path) as served:
    httpx2.get(served.url + "/sessions", headers=AS_MIRA)
"""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

from fastapi import FastAPI

from api.server import Server
from tests.owners import MIRA, owned_app
from tests.serving import Served, wait_until_started
from tests.system import System, system

AS_MIRA: Final = {"Authorization": f"Bearer {MIRA}"}

Build = Callable[[System], FastAPI]


@contextmanager
def served_system(folder: Path, build: Build = owned_app) -> Generator[Served]:
    """Serve until the block ends; then the system is closed as at the end of a process."""
    made: list[Server] = []
    ready = Event()

    async def run(listening: socket.socket) -> None:
        async with system(folder) as built:
            host, port = listening.getsockname()
            made.append(Server(build(built), host=host, port=port, grace=1.0))
            ready.set()
            await made[0].serve(sockets=[listening])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        thread = Thread(target=lambda: asyncio.run(run(listening)), daemon=True)
        thread.start()
        assert ready.wait(10), "the system did not start"
        served = Served(f"http://127.0.0.1:{port}", port, made[0], thread)
        wait_until_started(served)
        try:
            yield served
        finally:
            served.stop()
