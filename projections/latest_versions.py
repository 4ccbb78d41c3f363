"""How far each session was followed, as long as it was lately: known without asking the log or the views.

What is noted holds for good, since a follower never goes back; what is not noted may have been followed all the same.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from projections.ports import LoggedEvent

SESSIONS_NOTED: Final = 10_000


class LatestVersions:
    """The version last applied, of the sessions followed latest. One thread notes, any may ask."""

    def __init__(self, *, keep: int = SESSIONS_NOTED) -> None:
        self._keep = keep
        self._versions: dict[UUID, int] = {}

    def of(self, session: UUID) -> int:
        """0 when nothing is known of it."""
        return self._versions.get(session, 0)

    def note(self, events: Iterable[LoggedEvent]) -> None:
        """These events are in every view that is not stopped."""
        for logged in events:
            self._versions.pop(logged.event.originator_id, None)
            self._versions[logged.event.originator_id] = logged.event.originator_version
        while len(self._versions) > self._keep:
            del self._versions[next(iter(self._versions))]
