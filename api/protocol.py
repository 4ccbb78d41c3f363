"""uvicorn's HTTP, with what it leaves open: a request's head that never ends, in time or in size.

    connection -> head (bounded here) -> body (bounded in `api/wire/intake.py`) -> response -> rest of the body

uvicorn has a time limit between requests only (Kludex/uvicorn#157): whoever sends a byte now and then would hold a
connection for ever. What it refuses itself is told as OpenAI tells errors, too.
"""

import asyncio
from typing import Any, Final, cast

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from api.access.refusals import TooSlow
from api.errors import failure
from api.services import Services
from api.wire.intake import HEAD_BYTES, headers_too_large
from domain.errors import HeartlineError, InvalidRequest

LINGER_SECONDS: Final = 2.0
"""In which the rest of a refused body is thrown away: a connection closed at once would lose the answer on its way."""


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose next head is not there in time, counted from its first byte, or is too large."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # uvicorn's own "application" may be a string; ours is the one that `create_app` made.
        services = cast(Services, cast(Any, config.app).state.services)
        self._head_seconds = services.sizes.body_seconds
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as uvicorn's own does
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        self._body_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is None:
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(headers_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._body_is_there()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        # With requests in a row the cycle may be the next one's already.
        if self.cycle.response_complete and self.cycle.more_body:
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(InvalidRequest(msg))

    def _expect_head(self) -> None:
        self._head_is_there()
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self._head_seconds, self._head_is_late)

    def _head_is_there(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        if self._head_bytes:
            self._refuse(TooSlow("The headers of the request did not come in time."))
        else:
            self.transport.close()

    def _body_is_there(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _refuse(self, error: HeartlineError) -> None:
        """Answer and close, without an application: there is no request that it could be asked about."""
        self._head_is_there()
        told = failure(error)
        body = orjson.dumps(told.body)
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        lines = [name + b": " + value + b"\r\n" for name, value in (*head, (b"connection", b"close"))]
        self.transport.write(b"".join([STATUS_LINE[told.status], *lines, b"\r\n", body]))
        self.transport.close()
