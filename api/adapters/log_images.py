"""The images that messages show, as rows in the log's own database: named by their bytes, kept for each session.

A session's row is sealed with the session's key and goes when the session goes; an equal image of another one stays.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from api.adapters.event_mapper import SessionKeys
from api.adapters.log_recorder import LogCursor, LogDatabase
from api.ports import Picture
from domain.errors import Unavailable

_INSERT: Final = "INSERT INTO images (sha256, session, media_type, content) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"

ImageRow = tuple[str, str, str, bytes]
"""sha256, session (hex), media type, sealed content."""


class LogImages:
    """Seals, inserts and reads images."""

    def __init__(self, datastore: LogDatabase, keys: SessionKeys) -> None:
        self._datastore = datastore
        self._keys = keys

    def sealed(self, session: UUID, pictures: Sequence[Picture]) -> list[ImageRow]:
        """The pictures as rows of the session."""
        return [
            (
                one.sha256,
                session.hex,
                one.media_type,
                self._keys.seal(session, 0, _topic(one.sha256), one.content),
            )
            for one in pictures
        ]

    def insert(self, c: LogCursor, rows: Sequence[ImageRow]) -> None:
        """Inside the caller's transaction. What the session has already stays as it is."""
        c.executemany(_INSERT, rows)

    def read(self, sha256: str) -> bytes:
        """The bytes of an image, whichever session has it. Raises Unavailable when none has."""
        with self._datastore.transaction(commit=False) as c:
            c.execute("SELECT session, content FROM images WHERE sha256 = ? LIMIT 1", (sha256,))
            row = c.fetchone()
        if row is None:
            raise Unavailable(f"The image {sha256} is not there.")
        return self._keys.open(UUID(row["session"]), 0, _topic(sha256), row["content"])


def _topic(sha256: str) -> str:
    """What a sealed image is bound to, in the place of an event's topic."""
    return f"image:{sha256}"
