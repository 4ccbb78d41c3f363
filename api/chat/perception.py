"""What is read in a text when it comes in: its vectors and the emotion in it, by one forward pass for all new texts.

    encoding -> a vector a part -> token vectors, one a word piece (where they are kept) -> the emotion

A failing encoder does not take the conversation down: the text is kept without vectors, which are filled in later, its
emotion is read by a detector that needs none, and `/health` tells of it.
"""

import asyncio
import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from api.chat.anticipation import AnticipatingEncoder
from api.chat.recent import RecentEncoder
from api.ports import EmotionDetector, Encoder, Encoding
from api.vectors import unit_mean
from domain.emotion import Emotion, importance
from domain.errors import HeartlineError
from domain.persona import chunks
from domain.question import query_form
from domain.turn import Detected
from projections.evidence import Query
from projections.ports import StoredVector
from projections.session_index import Embedders
from projections.token_vectors import Projection, TokenVectors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Perceived:
    """What was read in the text of one version. `encoding` is None when the encoder failed; `query` is that of the
    text's query form, where it has another one. `tokens` are those of the text, or of each of its chunks; none are
    kept where the encoder failed or nobody wants them. `detector` names who read the emotion."""

    version: int
    text: str
    encoding: Encoding | None
    emotion: Emotion
    detector: str
    tokens: Sequence[TokenVectors] = ()
    query: Encoding | None = None
    query_tokens: TokenVectors | None = None

    def as_query(self, day: int) -> Query:
        """The text as what memories are sought for, on that day (`date.toordinal`)."""
        form = self.query or self.encoding
        return Query(
            text=self.text,
            dominant=self.emotion.dominant,
            vector=unit_mean(form.parts) if form is not None else None,
            plain=unit_mean(self.encoding.parts) if self.encoding is not None and self.query is not None else None,
            tokens=self.query_tokens or next(iter(self.tokens), None),
            day=day,
        )


class Perception:
    """Encodes texts and detects their emotions, by `unencoded` in texts that the encoder failed on. Keeps token vectors
    when given the projection that makes them."""

    def __init__(
        self,
        encoder: Encoder,
        detector: EmotionDetector,
        unencoded: EmotionDetector | None = None,
        *,
        projection: Projection | None = None,
    ) -> None:
        self._encoder = AnticipatingEncoder(RecentEncoder(encoder))
        self._detector = detector
        self._unencoded = unencoded or detector
        self._projection = projection
        self.failure: str | None = None
        """Why texts are not being encoded at present, None when they are."""

    def by(self, encoder: Encoder) -> "Perception":
        """One that reads by another encoder, and all else alike."""
        return Perception(encoder, self._detector, self._unencoded, projection=self._projection)

    @property
    def embedders(self) -> Embedders:
        """Under which names vectors are stored."""
        encoder, projection = self._encoder.id, self._projection
        return Embedders(vectors=encoder, tokens=f"{encoder}:{projection.name}" if projection is not None else None)

    @contextmanager
    def anticipating(self, text: str) -> Generator[None]:
        """Begin to encode the text, which will be sought with before the block ends, and its query form as far as it
        is known before anybody's name is."""
        with ExitStack() as begun:
            for expected in dict.fromkeys((text, query_form(text, ()))) if text.strip() else ():
                begun.enter_context(self._encoder.anticipating(expected))
            yield

    @property
    def detector(self) -> str:
        """Who reads emotions when texts are encoded."""
        return self._detector.name

    async def perceive(
        self, texts: Mapping[int, str], forms: Mapping[int, str] = MappingProxyType({})
    ) -> list[Perceived]:
        """Read the texts, given by version, and the query forms of some of them."""
        encodings = await self._encode([*texts.values(), *forms.values()])
        queries = dict(zip(forms, encodings[len(texts) :], strict=True))
        return await asyncio.to_thread(
            lambda: [
                self._perceived(version, text, encoding, queries.get(version))
                for (version, text), encoding in zip(texts.items(), encodings, strict=False)
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
        whole = len(encodings) == len(pieces) > 0

        def read() -> Perceived:
            if not whole:
                return self._perceived(version, text, None)
            parts = np.stack([encoding.parts[0] for encoding in encodings])
            tokens = [small for encoding in encodings for small in self._tokens(encoding)]
            return replace(self._perceived(version, text, Encoding(parts=parts)), tokens=tokens)

        return await asyncio.to_thread(read)

    def _perceived(
        self, version: int, text: str, encoding: Encoding | None, query: Encoding | None = None
    ) -> Perceived:
        detector = self._detector if encoding is not None else self._unencoded
        return Perceived(
            version=version,
            text=text,
            encoding=_lighter(encoding),
            emotion=detector.detect(text, encoding),
            detector=detector.name,
            tokens=self._tokens(encoding),
            query=_lighter(query),
            query_tokens=next(iter(self._tokens(query)), None),
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

    def _tokens(self, encoding: Encoding | None) -> list[TokenVectors]:
        """The token vectors of one text, where they are kept and the encoder shows its tokens."""
        if self._projection is None or encoding is None or encoding.tokens is None:
            return []
        return [self._projection.reduce(encoding.tokens.pieces, encoding.tokens.states)]

    def vectors(self, session: UUID, perceived: Sequence[Perceived]) -> list[StoredVector]:
        """The vectors as the log stores them."""
        embedders = self.embedders

        def stored(version: int, part: str, embedder: str, vector: bytes) -> StoredVector:
            return StoredVector(session=session, version=version, part=part, embedder=embedder, vector=vector)

        vectors = [
            stored(item.version, part, embedders.vectors, vector.astype("<f2").tobytes())
            for item in perceived
            for part, vector in [*_numbered(item.encoding), *_as_query(item)]
        ]
        if embedders.tokens is None:
            return vectors
        tokens = [
            stored(item.version, part, embedders.tokens, small.packed())
            for item in perceived
            for part, small in [*_numbered_tokens(item), *_tokens_as_query(item)]
        ]
        return [*vectors, *tokens]

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


def _numbered_tokens(item: Perceived) -> list[tuple[str, TokenVectors]]:
    return [(str(part), tokens) for part, tokens in enumerate(item.tokens)]


def _tokens_as_query(item: Perceived) -> list[tuple[str, TokenVectors]]:
    return [("query", item.query_tokens)] if item.query_tokens is not None else []


def _lighter(encoding: Encoding | None) -> Encoding | None:
    """Without its tokens, which are a hundred times as large as all the rest and were made smaller already."""
    return replace(encoding, tokens=None) if encoding is not None else None
