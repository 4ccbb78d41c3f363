"""Work for a client, as long as the client is there. A request that only waits would not notice that it left."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import anyio
from starlette.requests import Request

from api.errors import ClientGone

T = TypeVar("T")


async def unless_gone(request: Request, work: Coroutine[None, None, T]) -> T:
    """The work's result. Raises ClientGone, the work cancelled and ended, when the client closes its connection.

    The request's body must have been read before.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        watching.cancel()
        working.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({working, watching})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
