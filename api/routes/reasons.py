"""Why a turn showed what it showed: why-not and what-if."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.routes.access import owner, parsed, services, session, turn
from api.wire import query
from api.wire.body import json_response
from api.wire.session_request import parse_what_if
from domain.errors import InvalidRequest

router = APIRouter(prefix="/sessions/{session}/turns/{turn}")


@router.get("/why-not")
async def why_not(request: Request) -> Response:
    version = query.version(request.query_params, "version")
    if version is None:
        raise InvalidRequest("Say which message is meant: ?version=N.", param="version")
    reasons = services(request).reasons
    return json_response(await reasons.why_not(owner(request), session(request), turn(request), version))


@router.post("/what-if")
async def what_if(request: Request) -> Response:
    asked = await parsed(request, parse_what_if)
    reasons = services(request).reasons
    return json_response(await reasons.what_if(owner(request), session(request), turn(request), asked))
