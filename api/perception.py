"""What is read in a text when it comes in: its vectors and the emotion in it, by one forward pass for all new texts.

A failing encoder does not take the conversation down: the text is kept without vectors, which are filled in later, and
`/health` tells of it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from api.ports import EmotionDetector, Encoder, Encoding
from domain.emotion import Emotion, importance
from domain.errors import HeartlineError
from domain.persona import chunks
from domain.turn import Detected
from projections.ports import StoredVector

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceived:
    """What was read in the text of one version. `encoding` is None when the encoder failed."""

    version: int
    text: str
    encoding: Encoding | None
    emotion: Emotion

    @property
    def query_vector(self) -> NDArray[np.float32] | None:
        """The text as a query: the mean of its parts, of unit length."""
        if self.encoding is None:
            return None
        mean = self.encoding.parts.astype(np.float32).mean(axis=0)
        norm = float(np.linalg.norm(mean))
        return mean / norm if norm else mean


class Perception:
    """Encodes texts and detects their emotions."""

    def __init__(self, encoder: Encoder, detector: EmotionDetector) -> None:
        self._encoder = encoder
        self._detector = detector
        self.failure: str | None = None
        """Why texts are not being encoded at present, None when they are."""

    @property
    def embedder(self) -> str:
        return self._encoder.id

    async def perceive(self, texts: Mapping[int, str]) -> list[Perceived]:
        """Read the texts, given by version."""
        encodings = await self._encode(list(texts.values()))
        return [
            Perceived(version=version, text=text, encoding=encoding, emotion=self._detector.detect(text, encoding))
            for (version, text), encoding in zip(texts.items(), encodings, strict=True)
        ]

    async def perceive_chunks(self, texts: Mapping[int, str]) -> list[Perceived]:
        """Read long instructions, by version: one vector for each of their chunks (`domain.persona`)."""
        return [await self._perceive_chunks(version, text) for version, text in texts.items()]

    async def _perceive_chunks(self, version: int, text: str) -> Perceived:
        pieces = [text[chunk.start : chunk.end] for chunk in chunks(text)]
        encodings = [encoding for encoding in await self._encode(pieces) if encoding is not None]
        parts = np.stack([encoding.parts[0] for encoding in encodings]) if len(encodings) == len(pieces) > 0 else None
        encoding = None if parts is None else Encoding(parts=parts)
        return Perceived(version=version, text=text, encoding=encoding, emotion=self._detector.detect(text, encoding))

    async def _encode(self, texts: Sequence[str]) -> Sequence[Encoding | None]:
        if not texts:
            return []
        try:
            encodings = await self._encoder.encode(texts)
        except HeartlineError as error:
            if self.failure is None:
                logger.exception("texts are not encoded until the encoder answers again")
            self.failure = error.message
            return [None] * len(texts)
        self.failure = None
        return encodings

    def vectors(self, session: UUID, perceived: Sequence[Perceived]) -> list[StoredVector]:
        """The vectors as the log stores them."""
        return [
            StoredVector(
                session=session,
                version=item.version,
                part=str(part),
                embedder=self._encoder.id,
                vector=vector.astype("<f2").tobytes(),
            )
            for item in perceived
            if item.encoding is not None
            for part, vector in enumerate(item.encoding.parts)
        ]

    def detected(self, perceived: Sequence[Perceived]) -> list[Detected]:
        """The emotions as the session is told of them."""
        return [
            Detected(
                of=item.version,
                detector=self._detector.name,
                emotion=item.emotion,
                importance=importance(item.text, item.emotion),
            )
            for item in perceived
        ]
