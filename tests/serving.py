"""A served application for tests: the real server on a free loopback port, in a thread, stopped as a signal would."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from time import monotonic, sleep

from fastapi import FastAPI

from api.server import Server

START_SECONDS = 10.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Served:
    """A running server. `url` has no path and no slash at its end."""

    url: str
    port: int
    server: Server
    thread: Thread

    def stop(self) -> None:
        """As SIGTERM does: open responses get the grace. Returns when the server has ended."""
        self.server.should_exit = True
        self.thread.join(STOP_SECONDS)
        assert not self.thread.is_alive(), "the server did not stop"

    def begin_to_stop(self) -> None:
        """As `stop`, without waiting."""
        self.server.should_exit = True


@contextmanager
def serving(app: FastAPI, *, grace: float = 5.0) -> Generator[Served]:
    """Serve until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        server = Server(app, host="127.0.0.1", port=port, grace=grace)
        thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
        thread.start()
        served = Served(f"http://127.0.0.1:{port}", port, server, thread)
        try:
            wait_until_started(served)
            yield served
        finally:
            served.stop()


def wait_until_started(served: Served) -> None:
    deadline = monotonic() + START_SECONDS
    while not served.server.started:
        assert served.thread.is_alive(), "the server ended at its start"
        assert monotonic() < deadline, "the server did not start"
        sleep(0.005)
