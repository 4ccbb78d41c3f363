"""The vectors that texts still lack of one embedder, and the making of these: behind the turns, and beside the servers
by `heartline embed`.

What is there is not made again. A text that memories were sought with has its query form read too, so that its turn can
be asked about by these vectors as well.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final
from uuid import UUID, uuid5

from api.chat.perception import Perceived, Perception
from api.ports import EventLog
from domain.errors import Unavailable
from domain.question import query_form
from projections.follower import Follower
from projections.remembered import Remembered

BATCH: Final = 64
"""Texts that are encoded and stored at once."""

Progress = Callable[[int, int], None]
"""Told how many texts of how many are done."""


async def all_caught_up(follower: Follower, meanwhile: str) -> None:
    """Return when everything in the log is in every view. Raises Unavailable, which says what is not done `meanwhile`,
    also when a view stopped: what it lacks would be found missing for ever."""
    await follower.caught_up()
    if not follower.healthy:
        raise Unavailable(f"A read model has stopped: {meanwhile} until it goes on.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingVectors:
    """Finds and makes what is missing of the perception's embedder, token vectors among it."""

    log: EventLog
    remembered: Remembered
    perception: Perception

    def care_of(self, session: UUID) -> UUID:
        """What is locked while the session's vectors are made: turns go on beside it, and so does another embedder."""
        return uuid5(session, f"aftercare by {self.perception.embedders.vectors}")

    def sessions(self) -> list[UUID]:
        """Those with texts of their own that lack a vector. Blocks."""
        vectors, embedders = self.remembered.models.vectors, self.perception.embedders
        return list(dict.fromkeys(chain.from_iterable(vectors.incomplete(embedder) for embedder in embedders.names)))

    def versions(self, session: UUID) -> list[int]:
        """The session's own texts that lack a vector, oldest first. Blocks."""
        vectors, embedders = self.remembered.models.vectors, self.perception.embedders
        return sorted(set(chain.from_iterable(vectors.missing(session, embedder) for embedder in embedders.names)))

    async def make(self, session: UUID, versions: Sequence[int]) -> list[Perceived]:
        """Encode these texts and store their vectors, all or none of them. What was read in messages, with or without
        an encoder that answers, is returned; in instructions nothing is read but vectors."""
        instructions, texts, forms = await asyncio.to_thread(self._texts, session, versions)
        perceived = await self.perception.perceive(texts, forms)
        chunked = await self.perception.perceive_chunks(instructions)
        await self.log.add_vectors(self.perception.vectors(session, [*perceived, *chunked]))
        return perceived

    def _texts(self, session: UUID, versions: Sequence[int]) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
        """Instructions, other texts, and the query forms that some of these have."""
        models = self.remembered.models
        instructions = models.instructions.texts(session, versions)
        texts = self.remembered.texts(session, [version for version in versions if version not in instructions])
        asked = models.vectors.asked(session).intersection(texts)
        forms = {version: self._form(session, version, texts[version]) for version in asked}
        return instructions, texts, {version: form for version, form in forms.items() if form != texts[version]}

    def _form(self, session: UUID, version: int, text: str) -> str:
        """As it was when the text came in."""
        return query_form(text, self.remembered.models.lexicon.speakers(session, version - 1))
