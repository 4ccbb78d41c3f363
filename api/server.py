"""Runs the application on uvicorn until a signal comes, and lets open responses finish first.

SIGTERM -> no new connections -> Shutdown.begin(grace) -> responses end -> `serve` returns -> the caller closes up
"""

import math
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Final, cast

import uvicorn
from fastapi import FastAPI

from api.services import Services

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the clients' pools keep their connections, so that it is they who let go."""

_MARGIN_SECONDS: Final = 5.0
"""What ending takes after the grace: storing what was said, sending the last frames."""


class Server(uvicorn.Server):
    """uvicorn's, which tells the application's responses first that it stops."""

    def __init__(self, app: FastAPI, *, host: str, port: int, grace: float) -> None:
        self._services = cast(Services, app.state.services)
        self._grace = grace
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                server_header=False,
                ws="none",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=math.ceil(grace + _MARGIN_SECONDS),
            )
        )

    async def shutdown(self, sockets: Sequence[socket.socket] | None = None) -> None:
        self._services.shutdown.begin(self._grace)
        await super().shutdown(list(sockets) if sockets is not None else None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second SIGINT ends at once. uvicorn would also raise the signal again when all is done, which would kill
        the process before its caller could close the log."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


async def serve(app: FastAPI, host: str, port: int, grace: float) -> None:
    """Returns when a signal came and all responses ended; they are given `grace` seconds, then they are cut.

    Raises SystemExit when the port cannot be had.
    """
    await Server(app, host=host, port=port, grace=grace).serve()
