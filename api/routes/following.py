"""A session's events as they happen: server-sent events that go on until the client leaves or the server stops."""

from collections.abc import AsyncIterator
from typing import Final, cast

from starlette.responses import Response

from api.services import Services
from api.wire.frames import error_frame, frame
from api.wire.streams import EventStream
from domain.records import JsonObject

POLL_SECONDS: Final = 0.25
_PAGE: Final = 200


async def follow(services: Services, owner: str, session: str, after: int) -> Response:
    """Raises NotFound before anything is sent."""
    first = await services.sessions.events(owner, session, after=after, limit=_PAGE)
    return EventStream(_frames(services, owner, session, after, first))


async def _frames(services: Services, owner: str, session: str, after: int, page: JsonObject) -> AsyncIterator[bytes]:
    stopping = False
    try:
        while not stopping:
            for event in cast(list[JsonObject], page["data"]):
                after = cast(int, event["version"])
                yield frame(event)
            seconds = 0 if page["has_more"] else POLL_SECONDS
            stopping = await services.shutdown.pause(seconds)
            page = await services.sessions.events(owner, session, after=after, limit=_PAGE)
    except Exception as error:  # noqa: BLE001 - one of the borders: an error frame is all that a stream can still say
        yield error_frame(error)
