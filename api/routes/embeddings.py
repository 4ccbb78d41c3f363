"""`POST /v1/embeddings`: the vectors that our own recall uses."""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.errors import ModelNotFound
from api.ports import Encoding
from api.routes.access import parsed, services
from api.routes.models import EMBEDDING_MODEL
from api.routes.presence import unless_gone
from api.services import Services
from api.vectors import unit_mean
from api.wire.body import json_response
from api.wire.embeddings import EmbeddingFields, embedding_list, parse_embeddings
from domain.errors import InvalidRequest
from domain.records import JsonObject

router = APIRouter()


@router.post("/v1/embeddings")
async def embeddings(request: Request) -> Response:
    given = services(request)
    asked = await parsed(request, parse_embeddings)
    _refuse_others(asked, given)
    encodings = await unless_gone(request, given.encoder.encode(asked.input))
    # A body at the limit takes a good part of a second.
    return json_response(await asyncio.to_thread(_write, given, asked, encodings))


def _refuse_others(asked: EmbeddingFields, given: Services) -> None:
    if asked.model and asked.model not in {EMBEDDING_MODEL, given.encoder.id}:
        raise ModelNotFound(f"The embedding model here is '{EMBEDDING_MODEL}'.", param="model")
    if asked.dimensions not in {None, given.encoder.dimensions}:
        raise InvalidRequest(f"The model has {given.encoder.dimensions} dimensions, no others.", param="dimensions")


def _write(given: Services, asked: EmbeddingFields, encodings: Sequence[Encoding]) -> JsonObject:
    return embedding_list(
        [unit_mean(encoding.parts) for encoding in encodings],
        model=asked.model or EMBEDDING_MODEL,
        in_base64=asked.encoding_format == "base64",
        tokens=sum(map(given.tokens.count, asked.input)),
    )
