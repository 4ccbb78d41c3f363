"""A log in memory and read models on a real file that follow it, for tests of what the views say."""

from collections.abc import Sequence
from pathlib import Path

from projections.ports import StoredVector
from projections.read_models import ReadModels
from tests.builders import SessionBuilder
from tests.fakes import MemoryEventLog


class World:
    """What builders made is stored and read by `see`."""

    def __init__(self, directory: Path) -> None:
        self.log = MemoryEventLog()
        self.models = ReadModels.open(directory / "views.sqlite3")
        self.follower = self.models.follow(self.log)

    async def see(self, *builders: SessionBuilder, vectors: Sequence[StoredVector] = ()) -> None:
        """Store what is new in the sessions, and the vectors, and let every view read it."""
        for builder in builders:
            await builder.store(self.log)
        await self.log.add_vectors(vectors)
        self.follower.catch_up()

    def close(self) -> None:
        self.models.close()
