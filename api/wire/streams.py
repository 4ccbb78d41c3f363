"""Our event streams: OpenAI's line ends, comments as pings, and an end of their own when the server stops."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import anyio
from sse_starlette.sse import EventSourceResponse

PING_SECONDS: Final = 15
SEND_SECONDS: Final = 60.0
"""How long a client may leave a frame unread."""

_LEFT_TO_THE_SERVER: Final = 3600.0


class EventStream(EventSourceResponse):
    """Sends frames as they are.

    sse-starlette would cut its streams as soon as the server stops. Ours watch `Shutdown` and end cleanly, bounded by
    the server's own timeout; so the library is told to wait for longer than that.
    """

    def __init__(self, frames: AsyncIterator[bytes], headers: Mapping[str, str] | None = None) -> None:
        # sse-starlette types its content with a bare dict.
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            frames,
            headers=headers,
            sep="\n",
            ping=PING_SECONDS,
            send_timeout=SEND_SECONDS,
            shutdown_event=anyio.Event(),
            shutdown_grace_period=_LEFT_TO_THE_SERVER,
        )
