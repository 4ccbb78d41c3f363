"""Runs the application on uvicorn until a signal comes, and lets open responses finish first.

`listen` goes before all that takes time: a port that cannot be had is told at once, and who comes early waits.

SIGTERM -> no new connections -> Shutdown.begin(grace) -> responses end -> `serve` returns -> the caller closes up
"""

import errno
import gc
import math
import os
import signal
import socket
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, cast

import uvicorn
from fastapi import FastAPI

from api.protocol import BoundedHttp
from api.services import Services
from domain.errors import Unavailable

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the clients' pools keep their connections, so that it is they who let go."""

COLLECTED_EVERY: Final = (20_000, 20, 50)
"""Python's own (700, 10, 10) has a turn of some thousand objects, of which next to none are in cycles, walk through
what the server keeps in memory again and again: a fifth of the time in which a context was built."""

_MARGIN_SECONDS: Final = 5.0
"""What ending takes after the grace: storing what was said, sending the last frames."""


Tls = tuple[Path, Path] | None
"""Files of a certificate and its key, for https; None is plain http."""


class Server(uvicorn.Server):
    """uvicorn's, which tells the application's responses first that it stops."""

    def __init__(self, app: FastAPI, *, host: str, port: int, grace: float, tls: Tls = None) -> None:
        self._services = cast(Services, app.state.services)
        self._grace = grace
        cert, key = tls or (None, None)
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=BoundedHttp,
                ssl_certfile=cert,
                ssl_keyfile=key,
                # Both are ours: how lines look, and the line for each request (its own tells of paths and queries).
                log_config=None,
                access_log=False,
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


@contextmanager
def listen(host: str, port: int) -> Generator[list[socket.socket]]:
    """Sockets on every address of the host, all with one port; 0 is a free one. They are closed when the block ends.

    Raises Unavailable when the port cannot be had.
    """
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        try:
            for family, *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                # The first socket's port is everybody's.
                chosen = sockets[0].getsockname()[1] if sockets else port
                if (listening := _bound(family, str(address[0]), chosen)) is not None:
                    sockets.append(opened.enter_context(listening))
            if not sockets:
                raise OSError(errno.EADDRNOTAVAIL, "")
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise Unavailable(f"Cannot listen on {host}, port {port}: {reason.lower()}.") from error
        yield sockets


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """None where the machine has no such address: localhost may name one of IPv6 where there is none."""
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise


async def serve(app: FastAPI, sockets: Sequence[socket.socket], grace: float, tls: Tls = None) -> None:
    """Returns when a signal came and all responses ended; they are given `grace` seconds, then they are cut."""
    _settle_garbage_collection()
    host, port = sockets[0].getsockname()[:2]
    await Server(app, host=host, port=port, grace=grace, tls=tls).serve(list(sockets))


def _settle_garbage_collection() -> None:
    """What is loaded by now stays, so it need not be looked through for garbage."""
    gc.freeze()
    gc.set_threshold(*COLLECTED_EVERY)
