"""Which elements of two sequences are the same: common ends, then exact, then anchors, then greedy. Pure, bounded.

    the ends         what is new stands at the end of the one, what left at the end of the other: nearly every request
    exact            the longest common subsequence, by bits, as long as both are of a few thousands
    anchors          elements that stand once in each; between them again from the top (patience)
    greedy           from the tail, where nothing is unique

Where several alignments are equally long, the one is taken that reaches latest in the second sequence, and with the
earliest elements of the first: a transcript's tail decides its place on the path, and what it says again is new.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final

Pair = tuple[int, int]
"""Indexes in the first and in the second sequence."""

NEAR: Final = 4
"""Elements at an end that may be new, or gone, for the ends alone to be looked at."""

EXACT_CELLS: Final = 2**24
"""Elements of the one times elements of the other up to which the exact answer is sought."""

FEW: Final = 16
"""Anchors that may be accidental: what they lead to must be better than without them."""

LONGEST_JUMP: Final = 64
"""Elements that the greedy alignment may leave out of the second sequence at once, beyond those it leaves out of the
first: one accidental equal far away must not cost all in between."""


def align(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Pair]:
    """Pairs of equal elements, ascending in both."""
    first, second = list(first), list(second)
    return _by_the_ends(first, second) or _of_common(first, second)


def _by_the_ends(first: list[Hashable], second: list[Hashable]) -> list[Pair]:
    """All of `first` but a few unknown elements at its end, in one piece, at the end of `second` but for a few."""
    for new in range(min(NEAR, len(first)) + 1):
        if new and first[-new] in second:
            return []
        rest = len(first) - new
        for gone in range(NEAR + 1):
            start = len(second) - gone - rest
            if rest and start >= 0 and second[start : start + rest] == first[:rest]:
                return [(at, start + at) for at in range(rest)]
    return []


def _of_common(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Pair]:
    """The equal end; before it, aligned by what stands in both, for the rest only costs."""
    tail = _equal_end(first, second)
    first, second = first[: len(first) - tail], second[: len(second) - tail]
    common = set(first).intersection(second)
    of_first = [i for i, element in enumerate(first) if element in common]
    of_second = [j for j, element in enumerate(second) if element in common]
    pairs = _within([first[i] for i in of_first], [second[j] for j in of_second])
    ends = [(len(first) + at, len(second) + at) for at in range(tail)]
    return [*((of_first[i], of_second[j]) for i, j in pairs), *ends]


def _equal_end(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    length, most = 0, min(len(first), len(second))
    while length < most and first[-1 - length] == second[-1 - length]:
        length += 1
    return length


def _within(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Pair]:
    if not first or not second:
        return []
    if len(first) * len(second) <= EXACT_CELLS:
        return _exact(first, second)
    anchors = _anchors(first, second)
    if len(anchors) >= FEW:
        return _between(anchors, first, second)
    return max(_greedy(first, second), _between(anchors, first, second) if anchors else [], key=len)


def _between(anchors: Sequence[Pair], first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Pair]:
    """The anchors, and what is aligned between them."""
    pairs: list[Pair] = []
    i = j = 0
    for a, b in [*anchors, (len(first), len(second))]:
        if i < a and j < b:
            pairs += [(i + x, j + y) for x, y in _of_common(first[i:a], second[j:b])]
        if a < len(first):
            pairs.append((a, b))
        i, j = a + 1, b + 1
    return pairs


def _exact(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Pair]:
    """The longest common subsequence (Hyyrö's bit vectors), of both read backwards: so the latest one is found."""
    places: dict[Hashable, int] = {}
    for bit, element in enumerate(reversed(second)):
        places[element] = places.get(element, 0) | 1 << bit
    all_ones = (1 << len(second)) - 1
    row, rows = all_ones, list[int]()
    for element in reversed(first):
        if found := row & places.get(element, 0):
            row = (row + found | row - found) & all_ones
        rows.append(row)
    pairs: list[Pair] = []
    at, bit = len(first), len(second)
    while at and bit:
        if rows[at - 1] >> (bit - 1) & 1:
            bit -= 1
            continue
        length = _length(rows[at - 1], bit)
        while first[-at] != second[-bit] or _length(rows[at - 1], bit) < length:
            at -= 1
        pairs.append((len(first) - at, len(second) - bit))
        at, bit = at - 1, bit - 1
    return pairs


def _length(row: int, bits: int) -> int:
    """How much the row has in common with so many elements: as many as there are zeros."""
    return bits - (row & ((1 << bits) - 1)).bit_count()


def _anchors(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Pair]:
    """The longest run, ascending in both, of elements that stand once in each."""
    of_first, of_second = Counter(first), Counter(second)
    place = {element: j for j, element in enumerate(second) if of_second[element] == 1 == of_first[element]}
    return _longest_ascending([(i, place[element]) for i, element in enumerate(first) if element in place])


def _longest_ascending(pairs: Sequence[Pair]) -> list[Pair]:
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for at, (_, j) in enumerate(pairs):
        length = bisect_left(ends, j)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [j]
        last[length : length + 1] = [at]
    found: list[Pair] = []
    at = last[-1] if last else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _greedy(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Pair]:
    places: dict[Hashable, list[int]] = {}
    for j, element in enumerate(second):
        places.setdefault(element, []).append(j)
    pairs: list[Pair] = []
    free, left_out = len(second), 0
    for i in range(len(first) - 1, -1, -1):
        candidates = places.get(first[i], [])
        while candidates and candidates[-1] >= free:
            candidates.pop()
        if candidates and free - 1 - candidates[-1] <= left_out + LONGEST_JUMP:
            free, left_out = candidates[-1], 0
            pairs.append((i, free))
        else:
            left_out += 1
    return pairs[::-1]
