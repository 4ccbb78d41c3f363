"""`GET /health` and `GET /metrics`, and what this server is: `GET /` and `GET /openapi.json`.

`/` is the studio for a browser, and a few lines of JSON for everybody else.
"""

import asyncio
from functools import cache
from importlib.metadata import version

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.routes.access import services
from api.routes.studio import PAGE, file_of
from api.wire.body import json_response
from api.wire.description import description
from domain.records import JsonObject

router = APIRouter()


@router.get("/health")
async def health(request: Request) -> Response:
    """503 when the server cannot serve, else 200; the body says the same, and why to whoever has a key."""
    state = await services(request).health()
    told = state if request.state.owner is not None else {"status": state.get("status")}
    return json_response(told, status=503 if state.get("status") == "unavailable" else 200)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    numbers = services(request).metrics
    return Response(await asyncio.to_thread(numbers.exposition), media_type=numbers.media_type)


@router.get("/")
async def root(request: Request) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        answer = await file_of(request, PAGE)
    else:
        base_url = services(request).base_url
        told = {"name": "heartline", "openai_base_url": f"{base_url}/v1", "health": f"{base_url}/health"}
        answer = json_response(told)
    answer.headers["Vary"] = "Accept"
    return answer


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    return json_response(_description())


@cache
def _description() -> JsonObject:
    """Of the installed program: it does not change while it runs."""
    return description(version("heartline"))
