"""What every read of a session begins with: everything appended before is seen, the session is the asker's, and the
version asked about exists. Blocking reads happen off the event loop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from domain.errors import InvalidRequest, NotFound
from domain.session import session_id
from projections.catalogue import SessionEntry
from projections.follower import Follower
from projections.read_models import ReadModels

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A session that somebody may read. `at` is the version asked about, None for now."""

    entry: SessionEntry
    at: int | None

    @property
    def id(self) -> UUID:
        return UUID(self.entry.session)

    @property
    def version(self) -> int:
        """The version that is read: the one asked about, else the head."""
        return self.entry.version if self.at is None else self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads views that have caught up with the log."""

    follower: Follower
    models: ReadModels

    async def ask(self, owner: str, session: str, at: int | None, read: Callable[[Asked], T]) -> T:
        """What `read` answers about the owner's session, run in a thread. All it reads is of one moment.

        Raises NotFound for a session that is not there or another owner's, InvalidRequest for a version it has not.
        """

        def snapshot() -> T:
            with self.models.views.snapshot():
                return read(self.find(owner, session, at))

        return await self.fresh(snapshot)

    async def fresh(self, read: Callable[[], T]) -> T:
        """What `read` answers when the views hold all that was appended before, run in a thread."""
        await self.follower.caught_up()
        return await asyncio.to_thread(read)

    def find(self, owner: str, session: str, at: int | None) -> Asked:
        """The owner's session under the client's name for it; errors as `ask`. Blocks."""
        entry = self.models.catalogue.get(owner, session)
        if entry is None:
            raise NotFound("There is no such session.", param="session_id")
        if at is not None:
            check_version(entry, at, "at")
        return Asked(entry=entry, at=at)

    def entry_of(self, owner: str, session: str) -> SessionEntry | None:
        """The entry of a session of the owner, if there is one. Blocks."""
        found = self.models.catalogue.by_id(session_id(owner, session))
        return found if found is not None and found.owner == owner else None


def check_version(entry: SessionEntry, version: int, param: str) -> None:
    """Raises InvalidRequest for a version that the session does not have."""
    if not 1 <= version <= entry.version:
        raise InvalidRequest(f"The session has versions 1 to {entry.version}; {version} is none of them.", param=param)
