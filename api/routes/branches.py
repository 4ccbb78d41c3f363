"""The time machine: a session led back, branched, given a memory of another, compared with another."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.routes.access import owner, parsed, services, session
from api.wire.address import session_id
from api.wire.body import json_response
from api.wire.branch_requests import parse_carry, parse_fork, parse_rewind

router = APIRouter(prefix="/sessions")


@router.post("/{session}/rewind")
async def rewind(request: Request) -> Response:
    to = await parsed(request, parse_rewind)
    return json_response(await services(request).branches.rewind(owner(request), session(request), to=to))


@router.post("/{session}/fork")
async def fork(request: Request) -> Response:
    at, name = await parsed(request, parse_fork)
    return json_response(await services(request).branches.fork(owner(request), session(request), at=at, name=name))


@router.post("/{session}/carry")
async def carry(request: Request) -> Response:
    source, version = await parsed(request, parse_carry)
    branches = services(request).branches
    return json_response(await branches.carry(owner(request), session(request), source=source, version=version))


@router.get("/{session}/diff/{other}")
async def diff(request: Request) -> Response:
    other = session_id(request.path_params["other"], "other")
    return json_response(await services(request).branches.diff(owner(request), session(request), other))
