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
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._lengths = array("i")

    def add(self, terms: Mapping[str, int]) -> None:
        """The next document, as stem -> how often it occurs."""
        row = len(self._lengths)
        for stem, count in terms.items():
            if stem not in self._postings:
                self._postings[stem] = (array("i"), array("i"))
            rows, counts = self._postings[stem]
            rows.append(row)
            counts.append(count)
        self._lengths.append(sum(terms.values()))

    def scores(self, query: Sequence[str], asked: NDArray[np.bool_]) -> NDArray[np.float32]:
        """A score for every document, 0 for those not `asked` about (a mask over all documents)."""
        scores = np.zeros(len(self._lengths), dtype=np.float32)
        number = int(np.count_nonzero(asked))
        if number == 0:
            return scores
        lengths = np.frombuffer(self._lengths, dtype=np.int32)
        mean = max(float(lengths[asked].mean()), 1.0)
        damping = K1 * (1 - B + B * lengths / mean)
        for stem in dict.fromkeys(query):
            if stem not in self._postings:
                continue
            rows, counts = (np.frombuffer(posting, dtype=np.int32) for posting in self._postings[stem])
            hit = asked[rows]
            rows, counts = rows[hit], counts[hit]
            rarity = np.log1p((number - len(rows) + 0.5) / (len(rows) + 0.5))
            scores[rows] += rarity * (K1 + 1) * counts / (counts + damping[rows])
        return scores
