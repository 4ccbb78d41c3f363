"""The token vectors of one session, in memory, and the late interaction of a query with its documents.

For each word piece of the query the largest cosine with any token of the document; their mean, weighted by how rare the
piece is among the documents in view. Integers throughout until the last division, so that no sum depends on its order.
Khattab and Zaharia, ColBERT (2020), §3.3.
"""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from projections.course import Course, Numbers
from projections.token_vectors import DIMENSIONS, TokenVectors

SCORED: Final = 128
"""Documents that get a late interaction, the best by everything else: more change nothing that is recalled."""


class TokenIndex:
    """Token vectors by document. Documents may be given in any order, and may be missing."""

    def __init__(self) -> None:
        self._vectors = np.zeros((256, DIMENSIONS), dtype=np.int8)
        self._scales = np.zeros(256, dtype=np.float32)
        self._size = 0
        self._spans: dict[int, tuple[int, int]] = {}
        self._documents_of: dict[int, array[int]] = {}

    def add(self, document: int, tokens: TokenVectors) -> None:
        """The token vectors of the document with this number; a text without tokens has none."""
        if not len(tokens) or document in self._spans:
            return
        start, end = self._size, self._size + len(tokens)
        while end > len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._scales = np.concatenate([self._scales, np.zeros_like(self._scales)])
        self._vectors[start:end] = tokens.vectors
        self._scales[start:end] = _inverse_lengths(tokens.vectors)
        self._spans[document] = (start, end)
        self._size = end
        for piece in np.unique(tokens.pieces).tolist():
            self._documents_of.setdefault(piece, array("i")).append(document)

    def has_any(self, documents: Sequence[int]) -> bool:
        """Whether one of these documents has token vectors."""
        return not self._spans.keys().isdisjoint(documents)

    def interaction(self, query: TokenVectors, documents: Sequence[int], course: Course) -> NDArray[np.float32]:
        """The late interaction of each of these documents, -1 to 1; NaN for those without token vectors."""
        found = np.full(len(documents), np.nan, dtype=np.float32)
        spans = [(place, *self._spans[document]) for place, document in enumerate(documents) if document in self._spans]
        if not spans or not len(query):
            return found
        of_document, begin, end = np.array(spans, dtype=np.int64).T
        sizes = end - begin
        starts = np.cumsum(sizes) - sizes
        rows = np.repeat(begin - starts, sizes) + np.arange(int(sizes.sum()))
        products = self._vectors[rows].astype(np.float32) @ query.vectors.astype(np.float32).T
        cosines = products * self._scales[rows][:, None] * _inverse_lengths(query.vectors)
        weights = self._rarities(query, course)
        best = np.maximum.reduceat(cosines, starts, axis=0)
        found[of_document] = (best * weights).sum(axis=1) / weights.sum()
        return found

    def _rarities(self, query: TokenVectors, course: Course) -> NDArray[np.float32]:
        """How rare each piece of the query is among the documents of the course."""
        having = np.array([self._count(piece, course) for piece in query.pieces.tolist()], dtype=np.float32)
        return np.log1p((len(course) - having + 0.5) / (having + 0.5))

    def _count(self, piece: int, course: Course) -> int:
        documents = self._documents_of.get(piece)
        if documents is None:
            return 0
        places: Numbers = course.places(np.frombuffer(documents, dtype=np.int32))
        return int(np.count_nonzero(places >= 0))


def _inverse_lengths(vectors: NDArray[np.int8]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.square(vectors.astype(np.float32)).sum(axis=1))
    return np.float32(1.0) / np.maximum(lengths, np.float32(1.0))
