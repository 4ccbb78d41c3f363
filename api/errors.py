"""Which HTTP status and which of OpenAI's error objects each error becomes: one table, one response.

    HeartlineError, the router's own errors, anything else  ->  {"error": {"message", "type", "param", "code"}}

Never a 422 and never a traceback.
"""

import math
from dataclasses import dataclass
from typing import Final

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.access.refusals import Exhausted, Foreign, TooManySessions, TooSlow, Unauthorized
from api.ports import ModelFailed
from domain.errors import (
    Conflict,
    HeartlineError,
    InvalidRequest,
    NotFound,
    TurnAlreadyOpen,
    Unavailable,
    VersionConflict,
)
from domain.records import Json, JsonObject


class BodyTooLarge(HeartlineError):
    """The request's body exceeds the limit."""

    code = "body_too_large"


class HeadersTooLarge(HeartlineError):
    """The request's line and headers exceed the limit."""

    code = "headers_too_large"


class ModelNotFound(NotFound):
    """There is no model of that name."""

    code = "model_not_found"


class ClientGone(Exception):
    """The client closed its connection before it was answered. Nobody reads the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as a client sees it. `retry_after` in seconds; None means that trying again is no use."""

    status: int
    type: str
    message: str
    param: str | None = None
    code: str | None = None
    retry_after: float | None = None

    @property
    def body(self) -> JsonObject:
        error: dict[str, Json] = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}

    @property
    def headers(self) -> dict[str, str]:
        told = _CHALLENGE if self.status == 401 else {}
        if self.retry_after is not None:
            told = {**told, "Retry-After": str(math.ceil(self.retry_after))}
        # OpenAI's clients repeat these on their own unless told not to, and would not wait longer than a minute.
        wait = self.retry_after
        hopeless = wait is None or wait > _LONGEST_WAIT
        if hopeless and (self.status in {408, 409, 429} or self.status >= 500):
            told = {**told, "x-should-retry": "false"}
        return told


_LONGEST_WAIT: Final = 60.0
"""Seconds."""

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="heartline"'}

_INVALID: Final = "invalid_request_error"
_SERVER: Final = "server_error"

_TABLE: Final[dict[type[HeartlineError], tuple[int, str, float | None]]] = {
    Unauthorized: (401, _INVALID, None),
    Foreign: (403, _INVALID, None),
    TooManySessions: (403, _INVALID, None),
    TooSlow: (408, _INVALID, None),
    BodyTooLarge: (413, _INVALID, None),
    HeadersTooLarge: (431, _INVALID, None),
    InvalidRequest: (400, _INVALID, None),
    NotFound: (404, _INVALID, None),
    VersionConflict: (409, _INVALID, 1.0),
    TurnAlreadyOpen: (409, _INVALID, 1.0),
    Conflict: (409, _INVALID, None),
    Unavailable: (503, _SERVER, 1.0),
    HeartlineError: (500, _SERVER, None),
}
"""Class -> status, OpenAI's type, seconds after which to try again. The nearest class counts."""

_PASSING: Final = frozenset({429, 503, 504})
"""Statuses of a failed model after which another try may work."""


def failure(error: Exception) -> Failure:
    """What a client is told. Of errors that are not ours nothing but that they happened."""
    match error:
        case ModelFailed():
            return _model_failure(error)
        case Exhausted():
            # What is counted stands where other errors have their type: so does OpenAI.
            return Failure(
                status=429, type=error.of, message=error.message, code=error.code, retry_after=error.retry_after
            )
        case HeartlineError():
            status, kind, retry_after = next(_TABLE[base] for base in type(error).__mro__ if base in _TABLE)
            return Failure(
                status=status,
                type=kind,
                message=error.message,
                param=error.param,
                code=error.code,
                retry_after=retry_after,
            )
        case HTTPException():
            kind = _SERVER if error.status_code >= 500 else _INVALID
            return Failure(status=error.status_code, type=kind, message=str(error.detail))
        case RequestValidationError():
            return Failure(status=400, type=_INVALID, message="The request is not valid.", code=InvalidRequest.code)
        case _:
            return Failure(status=500, type=_SERVER, message="The server met an error of its own. It is logged.")


def error_response(error: Exception) -> Response:
    """The whole response for an error that comes before anything was sent."""
    if isinstance(error, ClientGone | ClientDisconnect):
        return Response(status_code=499)
    told = failure(error)
    own = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return Response(
        orjson.dumps(told.body), status_code=told.status, headers={**own, **told.headers}, media_type="application/json"
    )


def _model_failure(error: ModelFailed) -> Failure:
    status = error.status if 400 <= error.status < 600 else 502
    kind = "rate_limit_error" if status == 429 else _SERVER if status >= 500 else _INVALID
    retry_after = error.retry_after
    if retry_after is None and status in _PASSING and error.code != "insufficient_quota":
        retry_after = 1.0
    return Failure(
        status=status, type=kind, message=error.message, param=error.param, code=error.code, retry_after=retry_after
    )
