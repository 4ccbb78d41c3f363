"""An encoder that begins before it is asked: the newest message is encoded while its session is still being loaded."""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from api.ports import Encoder, Encoding


class AnticipatingEncoder:
    """An Encoder. What was begun is given to whoever asks for that text next, once; texts that nobody asked for are
    dropped at the end of the block that anticipated them."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._begun: dict[str, list[asyncio.Task[list[Encoding]]]] = {}

    @property
    def id(self) -> str:
        return self._encoder.id

    @property
    def dimensions(self) -> int:
        return self._encoder.dimensions

    @contextmanager
    def anticipating(self, text: str) -> Generator[None]:
        """Begin to encode the text. What the encoder fails with is raised where the text is asked for."""
        task = asyncio.create_task(self._encoder.encode([text]))
        # Given or not: where one text's failure is raised, nobody looks at that of the next.
        task.add_done_callback(_looked_at)
        self._begun.setdefault(text, []).append(task)
        try:
            yield
        finally:
            if task in (left := self._begun.get(text, [])):
                left.remove(task)
                task.cancel()
            if not left:
                self._begun.pop(text, None)

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding a text, in order; those not begun share their passes."""
        begun = {place: tasks.pop() for place, text in enumerate(texts) if (tasks := self._begun.get(text))}
        for task in begun.values():  # should the others fail first
            task.add_done_callback(_looked_at)
        rest = iter(await self._encoder.encode([text for place, text in enumerate(texts) if place not in begun]))
        return [(await begun[place])[0] if place in begun else next(rest) for place in range(len(texts))]


def _looked_at(task: "asyncio.Task[list[Encoding]]") -> None:
    """A failure that nobody waits for is nobody's."""
    if not task.cancelled():
        task.exception()
