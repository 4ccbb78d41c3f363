"""BM25 over the documents of one session, in memory, fed one document at a time.

Document counts and lengths are those of the documents asked about, not of all known, so that a score as of some version
is the same whatever came later. Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), §3.
"""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

K1 = 0.9
B = 0.4


class Bm25:
    """Postings of stems; documents are numbered from 0 in the order they were added."""

    def __init__(self) -> None:
        self._rows: dict[str, array[int]] = {}
        self._counts: dict[str, array[int]] = {}
        self._lengths = array("i")

    def add(self, terms: Mapping[str, int]) -> None:
        """The next document, as stem -> how often it occurs."""
        row = len(self._lengths)
        for stem, count in terms.items():
            self._rows.setdefault(stem, array("i")).append(row)
            self._counts.setdefault(stem, array("i")).append(count)
        self._lengths.append(sum(terms.values()))

    def scores(self, query: Sequence[str], asked: NDArray[np.bool_]) -> NDArray[np.float32]:
        """A score for every document, 0 for those not `asked` about (a mask over all documents)."""
        scores = np.zeros(len(self._lengths), dtype=np.float32)
        number = int(asked.sum())
        if number == 0:
            return scores
        lengths = np.frombuffer(self._lengths, dtype=np.int32)
        mean = max(float(lengths[asked].mean()), 1.0)
        for stem in dict.fromkeys(query):
            if stem not in self._rows:
                continue
            rows = np.frombuffer(self._rows[stem], dtype=np.int32)
            counts = np.frombuffer(self._counts[stem], dtype=np.int32)
            hit = asked[rows]
            rows, counts = rows[hit], counts[hit]
            rarity = np.log1p((number - len(rows) + 0.5) / (len(rows) + 0.5))
            saturation = counts + K1 * (1 - B + B * lengths[rows] / mean)
            scores[rows] += (rarity * counts * (K1 + 1) / saturation).astype(np.float32)
        return scores
