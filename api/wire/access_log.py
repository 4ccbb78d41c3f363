"""One line and one count for each request when it is over. The line names the route, never the path or the query."""

import logging
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.log_ids import note
from api.metrics import Metrics
from api.wire.address import decoded
from api.wire.middleware import sent_session
from domain.session import session_id

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_GONE: Final = 499

_log = logging.getLogger(__name__)


class AccessLog:
    """Stands right behind the Stamp: whatever becomes of a request, it is seen here."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began: float = scope["state"]["arrived"]
        request_id: str = scope["state"]["request_id"]
        note(request_id=request_id)
        status, headers, streams = _CLIENT_GONE, Headers(), False

        async def watched(message: Message) -> None:
            nonlocal status, headers, streams
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
                if headers.get("content-type", "").startswith("text/event-stream"):
                    streams = True
                    self._metrics.stream_opened()
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if streams:
                self._metrics.stream_closed()
            self._tell(scope, status, headers, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, headers: Headers, seconds: float) -> None:
        method, route = scope["method"] if scope["method"] in _METHODS else "other", route_of(scope)
        self._metrics.request_ended(method=method, route=route, status=status, seconds=seconds)
        about = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            **_ids(scope, headers),
        }
        _log.info("request", extra=about)


def route_of(scope: Scope) -> str:
    """The template of the route that answered, with the prefix it was included under; "none" before any did."""
    path = getattr(scope.get("route"), "path", None)
    if not isinstance(path, str):
        return "none"
    return f"/sessions/{{session}}{path}" if path.startswith("/v1/") and sent_session(scope) else path


def _ids(scope: Scope, headers: Headers) -> dict[str, str]:
    """Whose request it was, and which session and turn it was about, as far as it came to that."""
    owner: str | None = scope["state"].get("owner")
    if owner is None:  # a stranger
        return {}
    ids = {"owner": owner}
    if (name := _session_name(scope, headers)) is not None:
        ids |= {"session": session_id(owner, name).hex, "session_id": name}
    if (turn := headers.get("x-turn-id")) is not None:
        ids["turn"] = turn
    return ids


def _session_name(scope: Scope, headers: Headers) -> str | None:
    """What stands in the path of a route was checked before the route was found."""
    sent = headers.get("x-session-id") or (None if route_of(scope) == "none" else _named_in_path(scope))
    return decoded(sent, "session") if sent else None


def _named_in_path(scope: Scope) -> str | None:
    return sent_session(scope) if "session" in scope.get("path_params", {}) else None
