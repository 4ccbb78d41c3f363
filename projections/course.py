"""The documents in view in the order in which they were said, and what stands near what.

A place is an index into that order. A sitting is a run of messages without a long pause; neighbours are of one sitting.
What does not stand on the path (carried memories, summaries, former instructions) is a sitting of its own.
"""

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

PAUSE_SECONDS: Final = 6 * 3600.0
"""A longer one ends a sitting."""

Numbers = NDArray[np.int64]


class Course:
    """An order of documents. `apart` counts those at its end that are not on the path."""

    def __init__(self, documents: Numbers, *, said: NDArray[np.float64], known: int, apart: int = 0) -> None:
        """`documents` by number, `said` when each was (seconds; NaN where unknown), of `known` documents in all."""
        self.documents = documents
        self._known = known
        self._reaches: dict[int, tuple[Numbers, Numbers]] = {}
        size = len(documents)
        begins = np.ones(size, dtype=np.bool_)
        if size > 1:
            # What has no date does not end a sitting.
            begins[1:] = np.abs(np.diff(said)) > PAUSE_SECONDS
            begins[size - apart :] = True
            begins[0] = True
        self.starts: Numbers = np.flatnonzero(begins)

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def _place_of(self) -> NDArray[np.int32]:
        places = np.full(self._known, -1, dtype=np.int32)
        places[self.documents] = np.arange(len(self), dtype=np.int32)
        return places

    @cached_property
    def _sizes(self) -> Numbers:
        return np.diff(self.starts, append=len(self))

    @cached_property
    def _first(self) -> Numbers:
        return np.repeat(self.starts, self._sizes)

    @cached_property
    def _last(self) -> Numbers:
        return np.repeat(self.starts + self._sizes - 1, self._sizes)

    def places(self, documents: NDArray[np.integer]) -> Numbers:
        """Where these documents stand, -1 for those out of view."""
        return self._place_of[documents].astype(np.int64)

    def best_of_sitting(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """For each place the largest value in its sitting."""
        if not len(self):
            return values
        return np.repeat(np.maximum.reduceat(values, self.starts), self._sizes)

    def sums(self, values: NDArray[np.int32], reach: int) -> Numbers:
        """For each place the sum of its value and those of its neighbours up to `reach` places away."""
        if not reach:
            return values.astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
        first, end = self._bounds(reach)
        return sums[end] - sums[first]

    def _bounds(self, reach: int) -> tuple[Numbers, Numbers]:
        """For each place the first of its neighbours, and the place behind the last."""
        if reach not in self._reaches:
            here = np.arange(len(self))
            self._reaches[reach] = (
                np.maximum(here - reach, self._first),
                np.minimum(here + reach, self._last) + 1,
            )
        return self._reaches[reach]

    def spread(self, places: Numbers, counts: NDArray[np.int32], reach: int) -> tuple[Numbers, NDArray[np.float32]]:
        """What occurs at these places so often, as counted by all their neighbours too: places, rising, and counts."""
        steps = np.arange(-reach, reach + 1)
        if len(places) * len(steps) > len(self) // 4:  # a common word: everywhere at once is faster
            every = np.zeros(len(self), dtype=np.int32)
            every[places] = counts
            around = self.sums(every, reach)
            having = np.flatnonzero(around)
            return having, around[having].astype(np.float32)
        near = places[:, None] + steps
        inside = (near >= self._first[places][:, None]) & (near <= self._last[places][:, None])
        sums = np.bincount(near[inside], np.repeat(counts, inside.sum(1)), minlength=len(self))
        having = np.flatnonzero(sums)
        return having, sums[having].astype(np.float32)

    def before(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """For each place the value of the message before it in the same sitting, 0 for the first."""
        shifted = np.zeros_like(values)
        shifted[1:] = values[:-1]
        shifted[self.starts] = 0
        return shifted
