"""A turn's answer as a response: begun while the client waits, streamed or collected, and always ended.

begin -> Answer -> streamed | collected        client gone, server stopping, error: answer.cancel()
"""

import logging
from collections.abc import AsyncIterator

import anyio
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.chat.gathered import Choice, Gathered
from api.chat.request import Answer, TurnRequest
from api.ports import Finish, Streamed
from api.routes.presence import unless_gone
from api.services import Turns
from api.shutdown import Shutdown, ShuttingDown
from api.wire.address import encoded
from api.wire.body import json_response
from api.wire.completion_response import Shape
from api.wire.frames import in_bursts, reply_frames
from api.wire.streams import EventStream

_log = logging.getLogger(__name__)


class ReplyStream(EventStream):
    """The answer as server-sent events. However it ends, even before its first frame, the answer is cancelled then."""

    def __init__(self, answer: Answer, shape: Shape, shutdown: Shutdown, *, usage: bool) -> None:
        self._answer = answer
        frames = reply_frames(until_stopped(answer, shutdown), shape, usage=usage)
        super().__init__(in_bursts(frames, lambda: answer.ready), reply_headers(answer))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            _log.info("A client stopped reading its stream", extra={"turn": self._answer.turn})
        finally:
            await _cancel(self._answer)


async def begin(request: Request, turns: Turns, shutdown: Shutdown, asked: TurnRequest) -> Answer:
    """Ask for the answer. Raises ClientGone and ShuttingDown besides what the turn raises; no answer is left then."""
    answers: list[Answer] = []

    async def ask() -> None:
        answers.append(await turns.answer(asked))

    try:
        await unless_gone(request, shutdown.within(ask()))
    except BaseException:
        # It may have come in the very moment in which nobody wanted it any more.
        for answer in answers:
            await _cancel(answer)
        raise
    return answers[0]


async def collected(request: Request, answer: Answer, shape: Shape, shutdown: Shutdown) -> Response:
    """The whole answer in one response. Raises what the answer's stream raises, and ClientGone."""
    try:
        choices, finish = await unless_gone(request, _whole(until_stopped(answer, shutdown)))
    finally:
        await _cancel(answer)
    return json_response(shape.whole(choices, finish), headers={**reply_headers(answer), "Cache-Control": "no-store"})


def reply_headers(answer: Answer) -> dict[str, str]:
    headers: dict[str, str] = {}
    if answer.session:
        headers["X-Session-ID"] = encoded(answer.session)
    if answer.is_turn:
        headers["X-Turn-ID"] = answer.turn
    if answer.warning is not None:
        headers["X-Heartline-Warning"] = answer.warning
    if answer.left_out > 0:
        headers["X-Heartline-Left-Out"] = str(answer.left_out)
    return headers


async def until_stopped(answer: Answer, shutdown: Shutdown) -> AsyncIterator[Streamed]:
    """The answer's items; when the server stops, as many as come in the time left, then a Finish of our own."""
    items = answer.stream()
    others = 0
    try:
        while (item := await _next(items, answer, shutdown)) is not None:
            others = max(others, 0 if isinstance(item, Finish) else item.choice)
            yield item
    except ShuttingDown:
        await _cancel(answer)
        yield Finish(reason="length", usage=None, model=answer.model, others=("length",) * others)


async def _next(items: AsyncIterator[Streamed], answer: Answer, shutdown: Shutdown) -> Streamed | None:
    """What is there already needs no watch over the time that is left."""
    following = anext(items, None)
    return await (following if answer.ready else shutdown.within(following))


async def _whole(items: AsyncIterator[Streamed]) -> tuple[list[Choice], Finish]:
    gathered = Gathered()
    async for item in items:
        if isinstance(item, Finish):
            return gathered.choices(len(item.reasons)), item
        gathered.take(item)
    raise RuntimeError("An answer ended without a Finish.")


async def _cancel(answer: Answer) -> None:
    with anyio.CancelScope(shield=True):
        await answer.cancel()
