"""What is read in a text when it comes in: its vectors and the emotion in it, by one forward pass for all new texts.

A failing encoder does not take the conversation down: the text is kept without vectors, which are filled in later, its
emotion is read by a detector that needs none, and `/health` tells of it.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from api.chat.anticipation import AnticipatingEncoder
from api.ports import EmotionDetector, Encoder, Encoding
from api.vectors import unit_mean
from domain.emotion import Emotion, importance
from domain.errors import HeartlineError
from domain.persona import chunks
from domain.question import query_form
from domain.turn import Detected
from projections.ports import StoredVector

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceived:
    """What was read in the text of one version. `encoding` is None when the encoder failed; `query` is that of the
    text's query form, where it has another one. `detector` names who read the emotion."""

    version: int
    text: str
    encoding: Encoding | None
    emotion: Emotion
    detector: str
    query: Encoding | None = None

    @property
    def query_vector(self) -> NDArray[np.float32] | None:
        """The text as a query: the mean of its query form's parts, of unit length."""
        encoding = self.query or self.encoding
        return unit_mean(encoding.parts) if encoding is not None else None


class Perception:
    """Encodes texts and detects their emotions, by `unencoded` in texts that the encoder failed on."""

    def __init__(self, encoder: Encoder, detector: EmotionDetector, unencoded: EmotionDetector | None = None) -> None:
        self._encoder = AnticipatingEncoder(encoder)
        self._detector = detector
        self._unencoded = unencoded or detector
        self.failure: str | None = None
        """Why texts are not being encoded at present, None when they are."""

    @property
    def embedder(self) -> str:
        return self._encoder.id

    def anticipating(self, text: str) -> AbstractContextManager[None]:
        """Begin to encode the text, which will be read before the block ends."""
        return self._encoder.anticipating(text) if text.strip() else nullcontext()

    @property
    def detector(self) -> str:
        """Who reads emotions when texts are encoded."""
        return self._detector.name

    async def perceive(self, texts: Mapping[int, str]) -> list[Perceived]:
        """Read the texts, given by version."""
        encodings = await self._encode(list(texts.values()))
        return await asyncio.to_thread(
            lambda: [
                self._perceived(version, text, encoding)
                for (version, text), encoding in zip(texts.items(), encodings, strict=True)
            ]
        )

    async def perceive_query(self, version: int, text: str, names: Iterable[str]) -> Perceived:
        """Read one text that memories are sought with, in its query form too, by the same forward pass."""
        form = query_form(text, names)
        body, *query = await self._encode([text] if form == text else [text, form])
        return await asyncio.to_thread(self._perceived, version, text, body, query[0] if query else None)

    async def perceive_chunks(self, texts: Mapping[int, str]) -> list[Perceived]:
        """Read long instructions, by version: one vector for each of their chunks (`domain.persona`)."""
        return [await self._perceive_chunks(version, text) for version, text in texts.items()]

    async def _perceive_chunks(self, version: int, text: str) -> Perceived:
        pieces = [text[chunk.start : chunk.end] for chunk in chunks(text)]
        encodings = [encoding for encoding in await self._encode(pieces) if encoding is not None]
        parts = np.stack([encoding.parts[0] for encoding in encodings]) if len(encodings) == len(pieces) > 0 else None
        encoding = None if parts is None else Encoding(parts=parts)
        return await asyncio.to_thread(self._perceived, version, text, encoding)

    def _perceived(
        self, version: int, text: str, encoding: Encoding | None, query: Encoding | None = None
    ) -> Perceived:
        detector = self._detector if encoding is not None else self._unencoded
        return Perceived(
            version=version,
            text=text,
            encoding=encoding,
            emotion=detector.detect(text, encoding),
            detector=detector.name,
            query=query,
        )

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
        named = [
            (item.version, part, vector)
            for item in perceived
            for part, vector in [*_numbered(item.encoding), *_as_query(item)]
        ]
        return [
            StoredVector(
                session=session,
                version=version,
                part=part,
                embedder=self._encoder.id,
                vector=vector.astype("<f2").tobytes(),
            )
            for version, part, vector in named
        ]

    def detected(self, perceived: Sequence[Perceived]) -> list[Detected]:
        """The emotions as the session is told of them."""
        return [
            Detected(
                of=item.version,
                detector=item.detector,
                emotion=item.emotion,
                importance=importance(item.text, item.emotion),
            )
            for item in perceived
        ]


def _numbered(encoding: Encoding | None) -> list[tuple[str, NDArray[np.float16]]]:
    return [(str(part), vector) for part, vector in enumerate(encoding.parts)] if encoding is not None else []


def _as_query(item: Perceived) -> list[tuple[str, NDArray[np.float16]]]:
    """The query form's vector, where there is one of its own: with it a recall can be repeated without a model."""
    return [("query", unit_mean(item.query.parts).astype(np.float16))] if item.query is not None else []
