"""`GET /v1/models`: the models one may ask for a reply, and the one that embeds."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.errors import ModelNotFound
from api.ports import ModelFailed
from api.routes.access import services
from api.services import Services
from api.wire.body import json_response
from domain.records import JsonObject

EMBEDDING_MODEL: Final = "heartline-embedding"

router = APIRouter()


@router.get("/v1/models")
async def list_models(request: Request) -> Response:
    given = services(request)
    return json_response({"object": "list", "data": [_model(given, name) for name in await _names(given)]})


@router.get("/v1/models/{name:path}")
async def get_model(request: Request) -> Response:
    given = services(request)
    name: str = request.path_params["name"]
    if name not in [*await _names(given), given.encoder.id]:
        raise ModelNotFound(f"The model '{name[:200]}' does not exist.", param="model")
    return json_response(_model(given, name))


async def _names(given: Services) -> list[str]:
    """What may be named in a request; the default even where its provider does not list it, or anything."""
    try:
        listed = await given.model.models()
    except ModelFailed:
        listed = []
    default = given.model.default
    return [*listed, EMBEDDING_MODEL] if default in listed else [default, *listed, EMBEDDING_MODEL]


def _model(given: Services, name: str) -> JsonObject:
    owned_by = "heartline" if name in {EMBEDDING_MODEL, given.encoder.id} else given.model.provider
    return {"id": name, "object": "model", "created": given.started, "owned_by": owned_by}
