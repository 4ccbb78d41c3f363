"""A session's events as they happen: server-sent events that go on until the client leaves or the server stops.

    id: 17                                     the event's version
    data: {"version": 17, "type": …}

Whoever comes back says where it stood (`after`, or `Last-Event-ID` as browsers do) and goes on from there. Nothing is
kept for a reader: each reads the log for itself, as fast as it takes what it is sent, and sleeps until there is more.
"""

from collections.abc import AsyncIterator
from typing import Final, cast

from starlette.responses import Response

from api.services import Services
from api.wire.frames import error_frame, numbered_frame
from api.wire.streams import EventStream
from domain.records import JsonObject

IDLE_SECONDS: Final = 5.0
"""After which the log is looked at in any case: it bounds a signal that was lost."""

_PAGE: Final = 200


async def follow(services: Services, owner: str, session: str, after: int) -> Response:
    """Raises NotFound before anything is sent."""
    first = await services.sessions.events(owner, session, after=after, limit=_PAGE)
    return EventStream(_frames(services, owner, session, after, first))


async def _frames(services: Services, owner: str, session: str, after: int, page: JsonObject) -> AsyncIterator[bytes]:
    try:
        while True:
            if events := cast(list[JsonObject], page["data"]):
                after = cast(int, events[-1]["version"])
                yield b"".join(numbered_frame(cast(int, event["version"]), event) for event in events)
            if not page["has_more"]:
                await services.shutdown.sooner(
                    services.sessions.news(owner, session, after=after, seconds=IDLE_SECONDS)
                )
            if services.shutdown.begun:
                return
            page = await services.sessions.events(owner, session, after=after, limit=_PAGE)
    except Exception as error:  # noqa: BLE001 - one of the borders: an error frame is all that a stream can still say
        yield error_frame(error)
