"""The pictures of the requests being answered, and behind them those of the log.

A model is asked while its turn is being stored, and about prompts that never are: it must see the pictures already.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from api.ports import Picture, ReadImage


class Album:
    """Knows pictures for as long as somebody holds them; `stored` reads the others. May be asked from any thread."""

    def __init__(self, stored: ReadImage) -> None:
        self._stored = stored
        self._held: list[Picture] = []

    @contextmanager
    def holding(self, pictures: Sequence[Picture]) -> Generator[None]:
        """Know these pictures until the end of the block."""
        self._held += pictures
        try:
            yield
        finally:
            for picture in pictures:
                self._held.remove(picture)

    def read(self, sha256: str) -> bytes:
        """As `api.ports.ReadImage`. Raises Unavailable when the picture is neither held nor stored."""
        held = next((picture for picture in tuple(self._held) if picture.sha256 == sha256), None)
        return held.content if held is not None else self._stored(sha256)
