"""What comes in of a request is bounded: its headers and its body in size, and the body in time."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.refusals import TooSlow
from api.access.sizes import MEGABYTE, Sizes
from api.errors import BodyTooLarge, HeadersTooLarge

HEAD_BYTES: Final = 64 * 1024
"""Of a request's line and headers together."""

STEADY_BYTES: Final = 1024
"""A second: a body that comes as fast as this may take as long as it needs."""


class Intake:
    """Refuses a body as soon as it is known to be too large, by its announced length or while it comes in, and one
    that trickles. What still comes of it is the server's to throw away (`api/protocol.py`)."""

    def __init__(self, app: ASGIApp, sizes: Sizes) -> None:
        self._app = app
        self._sizes = sizes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refuse_large_head(len(scope.get("raw_path", b"")) + len(scope["query_string"]), scope["headers"])
        limit = self._sizes.import_bytes if scope["path"] == "/sessions/import" else self._sizes.body_bytes
        _refuse_above(limit, _announced(scope))
        await self._app(scope, _bounded(receive, limit, self._sizes.body_seconds), send)


def refuse_large_head(line: int, headers: list[tuple[bytes, bytes]]) -> None:
    """`line` is the length of the request's first line. Raises HeadersTooLarge."""
    if line + sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES:
        raise headers_too_large()


def headers_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"The headers of a request must not exceed {HEAD_BYTES // 1024} kB.")


def _bounded(receive: Receive, limit: int, seconds: float) -> Receive:
    """`receive`, as long as it keeps to the limits. Once the body is there it waits as long as it likes."""
    begun = asyncio.get_running_loop().time()
    received, whole = 0, False

    async def bounded() -> Message:
        nonlocal received, whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout_at(begun + seconds + received / STEADY_BYTES):
                message = await receive()
        except TimeoutError:
            raise TooSlow("The body of the request did not come in time. Send it again.") from None
        received += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        _refuse_above(limit, received)
        return message

    return bounded


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _refuse_above(limit: int, length: int) -> None:
    if length > limit:
        raise BodyTooLarge(f"The body of a request must not exceed {limit / MEGABYTE:g} MB.")
