"""Whether an owner may have one more session."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.access.refusals import TooManySessions
from projections.catalogue import Catalogue
from projections.follower import Follower

Room = Callable[[str], Awaitable[None]]
"""Asked with the owner before a session of his is begun. Raises TooManySessions."""


async def boundless(owner: str) -> None:
    """There is always room."""
    del owner


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRoom:
    """At most so many sessions an owner. Two that begin at the same moment may both find the last place free."""

    follower: Follower
    catalogue: Catalogue
    most: int

    async def __call__(self, owner: str) -> None:
        await self.follower.caught_up()
        if await asyncio.to_thread(self.catalogue.count, owner) >= self.most:
            raise TooManySessions(f"You have {self.most} sessions, which is the limit here. Go on in one of them.")
