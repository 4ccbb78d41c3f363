"""How far each session was followed, as long as it was lately: known without asking the log or the views.

What is noted holds until the views are made anew; what is not noted may have been followed all the same.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future
from threading import Lock
from typing import Final
from uuid import UUID

from projections.ports import LoggedEvent

SESSIONS_NOTED: Final = 10_000


class LatestVersions:
    """The version last applied, of the sessions followed latest. One thread notes, any may ask, any event loop wait."""

    def __init__(self, *, keep: int = SESSIONS_NOTED) -> None:
        self._keep = keep
        self._versions: dict[UUID, int] = {}
        self._waiting = defaultdict[UUID, set[Future[None]]](set)
        self._lock = Lock()

    def of(self, session: UUID) -> int:
        """0 when nothing is known of it."""
        return self._versions.get(session, 0)

    def note(self, events: Iterable[LoggedEvent]) -> None:
        """These events are in every view that is not stopped."""
        noted: set[UUID] = set()
        for logged in events:
            noted.add(logged.event.originator_id)
            self._versions.pop(logged.event.originator_id, None)
            self._versions[logged.event.originator_id] = logged.event.originator_version
        while len(self._versions) > self._keep:
            del self._versions[next(iter(self._versions))]
        with self._lock:
            told = [one for session in noted & self._waiting.keys() for one in self._waiting.pop(session)]
        for one in told:
            if one.set_running_or_notify_cancel():
                one.set_result(None)

    def forget(self) -> None:
        """The views are made anew: nothing is known of any session. Whoever waits goes on waiting."""
        self._versions.clear()

    async def beyond(self, session: UUID, version: int, *, seconds: float) -> None:
        """Return when an event of the session above this version was noted, at the latest after so many seconds."""
        news: Future[None] = Future()
        with self._lock:
            self._waiting[session].add(news)
        try:
            # What was noted before we stood in line has told nobody of us.
            if self.of(session) <= version:
                async with asyncio.timeout(seconds):
                    await asyncio.wrap_future(news)
        except TimeoutError:
            pass
        finally:
            self._leave(session, news)

    def _leave(self, session: UUID, news: "Future[None]") -> None:
        with self._lock:
            self._waiting[session].discard(news)
            if not self._waiting[session]:
                del self._waiting[session]
