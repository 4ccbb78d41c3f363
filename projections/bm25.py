"""BM25 over the documents of one session, in memory, fed one document at a time.

Document counts and lengths are those of the documents asked about, not of all known, so that a score as of some version
is the same whatever came later. Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), §3.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from projections.course import Course

K1: Final = 0.9
B: Final = 0.4


class _Posting:
    """Where a stem occurs: documents in rising order, how often in all of each, how often in its beginning."""

    def __init__(self) -> None:
        self.rows = array("i")
        self.counts = array("i")
        self.heads = array("i")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lengths:
    """How long each document of a course is, of its own or with its neighbours, and the mean of it."""

    lengths: NDArray[np.float32]
    mean: float


class Bm25:
    """Postings of stems; documents are numbered from 0 in the order they were added."""

    def __init__(self) -> None:
        self._postings: dict[str, _Posting] = {}
        self._lengths = array("i")
        self._head_lengths = array("i")

    def add(self, terms: Mapping[str, int], head: Mapping[str, int] | None = None) -> None:
        """The next document, as stem -> how often it occurs; `head` the same of its beginning, where that is less."""
        row = len(self._lengths)
        beginning = terms if head is None else head
        for stem, count in terms.items():
            posting = self._postings.get(stem)
            if posting is None:
                posting = self._postings[stem] = _Posting()
            posting.rows.append(row)
            posting.counts.append(count)
            posting.heads.append(beginning.get(stem, 0))
        self._lengths.append(sum(terms.values()))
        self._head_lengths.append(sum(beginning.values()))

    def scores(self, query: Sequence[str], course: Course, *, reach: int = 0, b: float = B) -> NDArray[np.float32]:
        """A score for every place of the course. With a `reach` the document is the beginnings of the message and of
        so many neighbours on either side, as far as they are of its sitting."""
        scores = np.zeros(len(course), dtype=np.float32)
        if not len(course):
            return scores
        lengths = self._measured(course, reach)
        damping = (1 - b) + b * lengths.lengths / lengths.mean
        for stem in query:
            posting = self._postings.get(stem)
            if posting is None:
                continue
            places, counts = _occurrences(posting, course, reach)
            rarity = np.log1p((len(course) - len(places) + 0.5) / (len(places) + 0.5))
            scores[places] += rarity * (K1 + 1) * counts / (counts + K1 * damping[places])
        return scores

    def _measured(self, course: Course, reach: int) -> _Lengths:
        source = self._head_lengths if reach else self._lengths
        own = np.frombuffer(source, dtype=np.int32)[course.documents]
        lengths = course.sums(own, reach).astype(np.float32)
        return _Lengths(lengths=lengths, mean=max(float(lengths.mean(dtype=np.float64)), 1.0))


def _occurrences(posting: _Posting, course: Course, reach: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The places whose document has the stem, and how often."""
    places = course.places(np.frombuffer(posting.rows, dtype=np.int32))
    counts = np.frombuffer(posting.heads if reach else posting.counts, dtype=np.int32)
    here = (places >= 0) & (counts > 0)
    places, counts = places[here], counts[here]
    if not reach:
        return places, counts.astype(np.float32)
    return course.spread(places, counts, reach)
