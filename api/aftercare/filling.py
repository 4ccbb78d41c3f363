"""The vectors of all sessions made by an embedder that no server need know yet: `heartline embed`.

    what lacks a vector -> a session at a time, held against others who make the same -> batches, each stored when done

Wherever it ends, what was stored is whole and is not made again. It appends no event and takes no turn's lock.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from api.aftercare.missing import BATCH, MissingVectors, Progress, all_caught_up
from api.ports import SessionLocks
from domain.errors import TurnAlreadyOpen, Unavailable
from projections.follower import Follower


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How many texts were encoded, and how many still lack a vector: said meanwhile, or somebody else encodes them."""

    encoded: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """Fills in what is missing when it begins."""

    missing: MissingVectors
    follower: Follower
    locks: SessionLocks

    async def fill(self, progress: Progress) -> Filled:
        """`progress` is told how many texts are done, of how many. Raises Unavailable when the embedding model, the
        log or a view fails."""
        await self._caught_up()
        total = await asyncio.to_thread(self._count)
        encoded = 0
        for session in await asyncio.to_thread(self.missing.sessions):
            encoded += await self._fill(session, lambda done, before=encoded: progress(before + done, total))
        await self._caught_up()
        return Filled(encoded=encoded, left=await asyncio.to_thread(self._count))

    def _count(self) -> int:
        return sum(len(self.missing.versions(session)) for session in self.missing.sessions())

    async def _fill(self, session: UUID, progress: Callable[[int], None]) -> int:
        """How many texts of the session were encoded; none while somebody else makes its vectors."""
        try:
            async with self.locks.hold(self.missing.care_of(session), patience_seconds=0):
                await self._caught_up()
                versions = await asyncio.to_thread(self.missing.versions, session)
                for start in range(0, len(versions), BATCH):
                    batch = versions[start : start + BATCH]
                    await self.missing.make(session, batch)
                    self._check_encoder()
                    progress(start + len(batch))
        except TurnAlreadyOpen:
            return 0
        return len(versions)

    def _check_encoder(self) -> None:
        """A turn goes on without vectors; here there is nothing to go on with."""
        if (failure := self.missing.perception.failure) is not None:
            raise Unavailable(failure)

    async def _caught_up(self) -> None:
        await all_caught_up(self.follower, "nothing is encoded")
