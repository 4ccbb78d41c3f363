"""`POST /v1/chat/completions` and `POST /v1/completions`: one turn each."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.chat.request import Answer, TurnRequest
from api.routes.access import owner, parsed, services
from api.routes.replies import ReplyStream, begin, collected
from api.wire.address import session_address
from api.wire.chat_request import parse_chat
from api.wire.completion_request import CompletionRequest, parse_legacy
from api.wire.completion_response import ChatShape, Shape, TextShape
from api.wire.middleware import sent_session
from api.wire.mode import sent_mode
from domain.errors import InvalidRequest

router = APIRouter()


@router.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    def shape(answer: Answer, asked: CompletionRequest) -> Shape:
        return ChatShape(answer, include_usage=asked.include_usage)

    return await _reply(request, parse_chat, shape)


@router.post("/v1/completions")
async def completions(request: Request) -> Response:
    def shape(answer: Answer, asked: CompletionRequest) -> Shape:
        return TextShape(answer, include_usage=asked.include_usage)

    return await _reply(request, parse_legacy, shape)


async def _reply(
    request: Request,
    parse: Callable[[bytes, str], CompletionRequest],
    shape_of: Callable[[Answer, CompletionRequest], Shape],
) -> Response:
    given = services(request)
    now = datetime.now(UTC).isoformat()
    asked = await parsed(request, lambda raw: parse(raw, now))
    _refuse_more_than(given.sizes.messages, asked)
    answer = await begin(request, given.turns, given.shutdown, _turn_request(request, asked))
    shape = shape_of(answer, asked)
    if asked.stream:
        return ReplyStream(answer, shape, given.shutdown, usage=asked.include_usage)
    return await collected(request, answer, shape, given.shutdown)


def _refuse_more_than(most: int, asked: CompletionRequest) -> None:
    if len(asked.messages) > most:
        told = f"A request may have at most {most} messages. Send the newest ones: the others are remembered."
        raise InvalidRequest(told, param="messages")


def _turn_request(request: Request, asked: CompletionRequest) -> TurnRequest:
    names = replace(asked.names, path=sent_session(request.scope), header=request.headers.get("x-session-id"))
    arrived: float = request.state.arrived
    return TurnRequest(
        owner=owner(request),
        address=session_address(names),
        messages=asked.messages,
        pictures=asked.pictures,
        model=asked.model,
        parameters=asked.parameters,
        filters=asked.filters,
        arrived=arrived,
        parse_ms=(time.perf_counter() - arrived) * 1000,
        streaming=asked.stream,
        mode=sent_mode(request.headers.get("x-heartline-mode")),
        hint=asked.hint,
    )
