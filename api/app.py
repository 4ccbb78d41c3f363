"""The ASGI application: routes and what stands before them. It builds nothing and reads no environment."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from api.errors import error_response
from api.routes import branches, completions, embeddings, health, models, reasons, sessions, studio, usage
from api.services import Services
from api.wire.access_log import AccessLog
from api.wire.authentication import Authentication
from api.wire.intake import Intake
from api.wire.middleware import Boundary, SessionPath, Stamp
from api.wire.neighbours import Neighbours
from api.wire.rationing import HEADERS, Rationing

_READABLE: Final = (
    "X-Session-ID",
    "X-Turn-ID",
    "X-Heartline-Left-Out",
    "X-Heartline-Warning",
    "X-Request-ID",
    "Retry-After",
    *HEADERS,
)
"""Headers of ours that a page of another origin may read."""


def create_app(services: Services, cors_origins: Sequence[str] = ()) -> FastAPI:
    """OpenAI's routes, the same for one session under `/sessions/{session}`, and our own.

    Web pages of the `cors_origins` ("*" is all) may call them.
    """
    app = FastAPI(
        title="Heartline",
        # Bodies are read by hand, so a generated description would be empty: `api/wire/description.py` is ours.
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Stamp),
            Middleware(AccessLog, metrics=services.metrics),
            *_cors(cors_origins),
            Middleware(Boundary),
            *_borders(services, cors_origins),
        ],
        telemetry=_telemetry(services),
        exception_handlers={HTTPException: _not_routed, RequestValidationError: _not_routed},
    )
    app.state.services = services
    for openai in (completions.router, models.router, embeddings.router):
        app.include_router(openai)
        app.include_router(openai, prefix="/sessions/{session}")
    app.include_router(sessions.router)
    app.include_router(branches.router)
    app.include_router(reasons.router)
    app.include_router(health.router)
    app.include_router(usage.router)
    app.include_router(studio.router)
    return app


def _borders(services: Services, cors_origins: Sequence[str]) -> list[Middleware]:
    """Who comes in, how often, with how much, and to which session."""
    return [
        Middleware(Neighbours, owners=services.owners, origins=cors_origins),
        Middleware(Authentication, owners=services.owners),
        Middleware(Rationing, allowance=services.allowance),
        Middleware(Intake, sizes=services.sizes),
        Middleware(SessionPath),
    ]


def _telemetry(services: Services) -> TelemetryConfig:
    """FastAPI's own spans, one a request, continue the client's trace. Its records of exceptions would quote texts, and
    whatever stands in the environment, only what we configured is told."""
    provider = services.tracer_provider
    return {
        "tracing": provider is not None,
        "tracer_provider": provider,
        "operation_spans": False,
        "metrics": False,
        "logs": False,
        "auto_configure": False,
    }


def _cors(origins: Sequence[str]) -> list[Middleware]:
    """Before the Boundary, so that a page can read errors too."""
    if not origins:
        return []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=_READABLE,
    )
    return [cors]


async def _not_routed(request: Request, error: Exception) -> Response:
    """The router's own errors. All others pass to the Boundary."""
    if isinstance(error, HTTPException) and error.status_code in {404, 405}:
        told = {404: "Unknown request URL", 405: "Method not allowed"}[error.status_code]
        detail = f"{told}: {request.method} {request.url.path[:200]}."
        error = HTTPException(error.status_code, detail, headers=error.headers)
    return error_response(error)
