"""What every route asks of its request: the services, who asks, which session the path names and which turn."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar, cast

from starlette.requests import Request

from api.services import Services
from api.wire.address import decoded, session_id
from api.wire.middleware import sent_session
from domain.errors import InvalidRequest, NotFound

T = TypeVar("T")

SMALL: Final = 64 * 1024
"""Bytes of a body that are read sooner than another thread is asked to."""

_LONGEST_TURN: Final = 100


def services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def owner(request: Request) -> str:
    """Whose sessions this request may see. Without API keys everything belongs to one owner."""
    whose: str = request.state.owner
    return whose


async def parsed(request: Request, parse: Callable[[bytes], T]) -> T:
    """The body as `parse` reads it, which raises InvalidRequest. A large one does not hold up the other requests."""
    raw = await request.body()
    return parse(raw) if len(raw) <= SMALL else await asyncio.to_thread(parse, raw)


def session(request: Request) -> str:
    """The session in the path. Raises InvalidRequest when what stands there is no id."""
    return session_id(decoded(sent_session(request.scope) or "", "session"), "session")


def turn(request: Request) -> str:
    """The turn in the path, which may be named by the id of its completion."""
    named: str = request.path_params["turn"]
    named = named.removeprefix("chatcmpl-").removeprefix("cmpl-")
    if "\0" in named:
        raise InvalidRequest("A turn's id must not contain NUL.", param="turn")
    if len(named) > _LONGEST_TURN:
        raise NotFound("There is no such turn.", param="turn")
    return named
