"""What every request passes before its route, as pure ASGI: no buffering, disconnects pass untouched.

Stamp (ids and times in headers) -> Boundary (errors become responses) -> Neighbours -> Authentication -> Rationing
-> Intake -> SessionPath -> routes; what is not here has a file of its own
"""

import logging
import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ClientGone, error_response
from api.wire.address import decoded, session_id
from domain.errors import HeartlineError

_log = logging.getLogger(__name__)


class Stamp:
    """Gives each request an id and the time it arrived, and tells the client as OpenAI does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = time.perf_counter()
        request_id = f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {}).update(arrived=arrived, request_id=request_id)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["openai-version"] = "2020-10-01"
                headers["openai-processing-ms"] = str(round((time.perf_counter() - arrived) * 1000))
            await send(message)

        await self._app(scope, receive, stamped)


class Boundary:
    """Turns every error that reaches it into a response, and logs once what is not one of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - one of the borders: whatever it is, the client gets its answer
            if started or not isinstance(error, HeartlineError | ClientGone | ClientDisconnect):
                _log.exception("Request failed", extra={"request_id": scope.get("state", {}).get("request_id")})
            if not started:
                await error_response(error)(scope, receive, send)


class SessionPath:
    """Checks the id in `/sessions/{id}` as it was sent: decoded, an encoded slash would be a different route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (sent := sent_session(scope)):
            session_id(decoded(sent, "session"), "session")
        await self._app(scope, receive, send)


def sent_session(scope: Scope) -> str | None:
    """The session's id in the path, still percent-encoded; None where the path names no session."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    parts = raw.decode("latin-1").split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "sessions" and parts[2] else None
