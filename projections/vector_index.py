"""The vectors of one session, in memory, and the cosine of a query to its documents.

Exact up to 100,000 vectors asked about: 0.6 ms of CPU for 10,000 and 9 ms for 100,000, where HNSW takes 4 ms for 512
candidates of 20,000 and 13 s to build its graph. Above, usearch's HNSW graph names candidates (asked for twice as many
until enough of them are wanted) and only these, and those that are likely for another reason, get an exact cosine.
Vectors are never removed: what is out of view is not asked about.
"""

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO: Final = 100_000
CANDIDATES: Final = 512
GATHERED: Final = 4
"""Copying rows together costs about so many times their product: for more of them, all products are made."""


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

    @property
    def exact(self) -> bool:
        """Whether all that is asked about gets its cosine, however unlikely."""
        return self._size <= self._exact_up_to

    def has_vector(self, documents: int) -> NDArray[np.bool_]:
        """For each of the first so many documents, whether it has a vector."""
        known = np.zeros(documents, dtype=np.bool_)
        known[self._documents[: self._size]] = True
        return known

    def cosines(
        self, query: NDArray[np.float32], asked: NDArray[np.bool_], likely: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """The best cosine of each document, NaN for those without a vector, not `asked` about or (above the exact
        limit) neither near nor `likely` for another reason. Both are masks over all documents."""
        best = np.full(len(asked), -np.inf, dtype=np.float32)
        rows = self._rows_to_compare(query, asked, likely)
        np.maximum.at(best, self._documents[rows], self._products(query, rows))
        best[np.isneginf(best)] = np.nan
        return best

    def _products(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Row by row, unlike a matrix product, whose last bits depend on what other rows there are: as-of is exact."""
        if len(rows) > self._size // GATHERED:
            return np.vecdot(self._vectors[: self._size], query)[rows]
        return np.vecdot(self._vectors[rows], query)

    def _rows_to_compare(
        self, query: NDArray[np.float32], asked: NDArray[np.bool_], likely: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        of_row = self._documents[: self._size]
        rows = np.flatnonzero(asked[of_row])
        if len(rows) <= self._exact_up_to:
            return rows
        wanted = CANDIDATES
        while wanted < self._size:
            near = self._nearest(query, wanted)
            near = near[asked[of_row[near]]]
            if len(near) >= CANDIDATES:
                return np.union1d(near, np.flatnonzero((asked & likely)[of_row]))
            wanted *= 2
        return rows

    def _nearest(self, query: NDArray[np.float32], wanted: int) -> NDArray[np.int64]:
        if self._graph is None:
            self._graph = _new_graph(self._dimensions)
            self._graph.add(np.arange(self._size), self._vectors[: self._size])
        matches = self._graph.search(query, wanted)
        return np.asarray(matches.keys, dtype=np.int64)


def _new_graph(dimensions: int) -> Any:
    """An empty HNSW graph. usearch is loaded here: only sessions this large need it."""
    # Its wheel on Linux holds a C++ runtime of its own; what is loaded after it would be bound to half of that and
    # crash (onnxruntime does). With the system's loaded first, all share that one.
    with suppress(OSError):
        ctypes.CDLL("libstdc++.so.6", mode=ctypes.RTLD_GLOBAL)
    from usearch.index import Index

    return Index(ndim=dimensions, metric="ip", dtype="f16")
