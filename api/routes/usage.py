"""`GET /usage`: what one's replies took and cost, day by day."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.routes.access import owner, services
from api.wire import query
from api.wire.body import json_response

router = APIRouter()


@router.get("/usage")
async def usage(request: Request) -> Response:
    days = query.days(request.query_params)
    return json_response(await services(request).sessions.usage(owner(request), days=days))
