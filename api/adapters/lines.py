"""Connections of `requests` that another thread can hang up.

A thread that waits for a server's next word cannot be cancelled. What it waits on can be shut down, and it returns at
once. So each thread says on which line it is, and the connections that it uses tell the line.
"""

import socket
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Line:
    """One call under way."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._hung_up = False

    def take(self, connected: socket.socket | None) -> None:
        """The call uses this socket, or is about to have one. Raises ConnectionAbortedError when it was hung up."""
        self._socket = connected
        if self._hung_up:
            raise ConnectionAbortedError("Nobody waits for the answer any more.")

    def hang_up(self) -> None:
        """End the call, wherever it is. Call from another thread."""
        self._hung_up = True
        if (connected := self._socket) is not None:
            with suppress(OSError):  # it may have ended by itself
                # Below TLS: its own farewell would wait for the other side, and for the thread that reads.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


LINE: Final = ContextVar[Line]("line")
"""The line of the call that a thread makes."""


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        LINE.get().take(self.sock)

    def request(self, *args: Any, **given: Any) -> None:
        LINE.get().take(self.sock)
        super().request(*args, **given)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        LINE.get().take(self.sock)

    def request(self, *args: Any, **given: Any) -> None:
        LINE.get().take(self.sock)
        super().request(*args, **given)


class _Pool(HTTPConnectionPool):
    ConnectionCls: Any = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls: Any = _SecureConnection


class LineAdapter(HTTPAdapter):
    """To be mounted in a session whose threads each set LINE. It also connects within its own time."""

    def __init__(self, *, connect_seconds: float) -> None:
        self._connect_seconds = connect_seconds
        super().__init__()

    def init_poolmanager(self, *args: Any, **given: Any) -> None:
        super().init_poolmanager(*args, **given)
        pools: Any = self.poolmanager
        pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: Any, *args: Any, timeout: Any = None, **given: Any) -> Any:
        return super().send(request, *args, timeout=(self._connect_seconds, timeout), **given)
