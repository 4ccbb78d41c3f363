"""The vectors of one session, in memory, and the cosine of a query to its documents.

Exact up to 20,000 vectors: one matrix product, 0.4 ms for 10,000 vectors where usearch's exact search takes 4 ms for
all scores. Above, usearch's HNSW graph names candidates (asked for twice as many until enough of them are wanted) and
only these get an exact cosine. Vectors are never removed: what is out of view is not asked about.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

EXACT_UP_TO: Final = 20_000
CANDIDATES: Final = 512


class VectorIndex:
    """Unit vectors by document; a document may have several (the parts of a long text), of which the best counts."""

    def __init__(self, dimensions: int, *, exact_up_to: int = EXACT_UP_TO) -> None:
        self._dimensions = dimensions
        self._exact_up_to = exact_up_to
        self._vectors = np.zeros((64, dimensions), dtype=np.float32)
        self._documents = np.zeros(64, dtype=np.int64)
        self._size = 0
        self._graph: Any = None

    def __len__(self) -> int:
        return self._size

    def add(self, documents: Sequence[int], vectors: NDArray[np.float16]) -> None:
        """One vector a row, of the documents with these numbers."""
        end = self._size + len(documents)
        while end > len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._documents = np.concatenate([self._documents, np.zeros_like(self._documents)])
        self._vectors[self._size : end] = vectors
        self._documents[self._size : end] = documents
        if self._graph is not None:
            self._graph.add(np.arange(self._size, end), self._vectors[self._size : end])
        self._size = end

    def cosines(self, query: NDArray[np.float32], asked: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The best cosine of each document, NaN for those without a vector, not `asked` about or (above the exact
        limit) not among the candidates."""
        best = np.full(len(asked), -np.inf, dtype=np.float32)
        rows = self._rows_to_compare(query, asked)
        np.maximum.at(best, self._documents[rows], self._vectors[rows] @ query)
        best[np.isneginf(best)] = np.nan
        return best

    def _rows_to_compare(self, query: NDArray[np.float32], asked: NDArray[np.bool_]) -> NDArray[np.int64]:
        if self._size <= self._exact_up_to:
            return np.flatnonzero(asked[self._documents[: self._size]])
        wanted = CANDIDATES
        while True:
            found = self._nearest(query, wanted)
            on_path = found[asked[self._documents[found]]]
            if len(on_path) >= CANDIDATES or len(found) >= self._size:
                return on_path
            wanted *= 2

    def _nearest(self, query: NDArray[np.float32], wanted: int) -> NDArray[np.int64]:
        if self._graph is None:
            self._graph = Index(ndim=self._dimensions, metric="ip", dtype="f16")
            self._graph.add(np.arange(self._size), self._vectors[: self._size])
        matches = self._graph.search(query, min(wanted, self._size))
        return np.asarray(matches.keys, dtype=np.int64)
