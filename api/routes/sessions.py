"""Our own resources: sessions as of any version, their turns' audits, recall, export and import."""

from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.routes.access import owner, parsed, services, session, turn
from api.routes.following import follow
from api.services import Page
from api.wire import query
from api.wire.address import session_id
from api.wire.body import json_response
from api.wire.session_request import parse_import, parse_recall

FORMATS: Final = ("heartline", "sillytavern")
"""What a session may be exported as; the first unless told."""

router = APIRouter(prefix="/sessions")


@router.get("")
async def list_sessions(request: Request) -> Response:
    asked = request.query_params
    after = session_id(asked["after"], "after") if "after" in asked else None
    search = query.text(asked, "search")
    sessions = services(request).sessions
    return json_response(await sessions.list(owner(request), limit=query.limit(asked), after=after, search=search))


@router.post("/import")
async def import_session(request: Request) -> Response:
    named = request.query_params.get("id")
    name = session_id(named, "id") if named is not None else None
    payload = await parsed(request, parse_import)
    return json_response(await services(request).archive.import_(owner(request), payload, name))


@router.get("/{session}")
async def state(request: Request) -> Response:
    at = query.version(request.query_params)
    return json_response(await services(request).sessions.state(owner(request), session(request), at=at))


@router.get("/{session}/events")
async def events(request: Request) -> Response:
    """One page, or with `follow=true` all events from there on, as they come."""
    asked, sessions = request.query_params, services(request).sessions
    after, limit = query.resumed(asked, request.headers), query.limit(asked)
    if query.flag(asked, "follow"):
        return await follow(services(request), owner(request), session(request), after)
    return json_response(await sessions.events(owner(request), session(request), after=after, limit=limit))


@router.get("/{session}/messages")
async def messages(request: Request) -> Response:
    asked, sessions = request.query_params, services(request).sessions
    page = Page(limit=query.limit(asked), after=query.after(asked), offset=query.offset(asked))
    found = await sessions.messages(owner(request), session(request), at=query.version(asked), page=page)
    return json_response(found)


@router.get("/{session}/siblings")
async def siblings(request: Request) -> Response:
    at = query.version(request.query_params)
    return json_response(await services(request).sessions.siblings(owner(request), session(request), at=at))


@router.get("/{session}/emotions")
async def emotions(request: Request) -> Response:
    at = query.version(request.query_params)
    return json_response(await services(request).sessions.emotions(owner(request), session(request), at=at))


@router.get("/{session}/summaries")
async def summaries(request: Request) -> Response:
    at = query.version(request.query_params)
    return json_response(await services(request).sessions.summaries(owner(request), session(request), at=at))


@router.get("/{session}/turns/{turn}")
async def audit(request: Request) -> Response:
    at = query.version(request.query_params)
    return json_response(await services(request).sessions.turn(owner(request), session(request), turn(request), at=at))


@router.post("/{session}/turns/{turn}/replay")
async def replay(request: Request) -> Response:
    return json_response(await services(request).sessions.replay(owner(request), session(request), turn(request)))


@router.post("/{session}/recall")
async def recall(request: Request) -> Response:
    question = await parsed(request, parse_recall)
    return json_response(await services(request).sessions.recall(owner(request), session(request), question))


@router.get("/{session}/export")
async def export(request: Request) -> Response:
    """The session's events, or with `format=sillytavern` a chat file."""
    archive, form = services(request).archive, query.choice(request.query_params, "format", FORMATS)
    export = archive.export_chat if form == "sillytavern" else archive.export
    pieces = export(owner(request), session(request))
    # An error must come before the status does.
    first = await anext(pieces, b"")
    return StreamingResponse(_chained(first, pieces), media_type="application/x-ndjson")


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
