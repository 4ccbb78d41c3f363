"""The path: the ordered messages in view, as an array of versions, and the pure functions that change it.

Events name versions in *ranges*: `[first, last]`, both included, every integer between them a message. A *splice* is
`{"at": index, "out": ranges, "in": ranges}`: `at` is an index of the path as it stood before the event, the splices of
one event are ascending and do not overlap (the hunks of a diff), so they are applied from the last to the first.
"""

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from typing import TypedDict

from domain.alignment import align

Range = list[int]
Splice = TypedDict("Splice", {"at": int, "out": list[Range], "in": list[Range]})


def to_ranges(versions: Iterable[int]) -> list[Range]:
    """Runs of consecutive versions, in the order given: 3 4 5 9 -> [3, 5], [9, 9]."""
    ranges: list[Range] = []
    for version in versions:
        if ranges and ranges[-1][1] + 1 == version:
            ranges[-1][1] = version
        else:
            ranges.append([version, version])
    return ranges


def from_ranges(ranges: Iterable[Sequence[int]]) -> list[int]:
    """The versions that the ranges name, in order."""
    return [version for first, last in ranges for version in range(first, last + 1)]


def splice(at: int, out: Iterable[int], into: Iterable[int]) -> Splice:
    """Replace the versions `out`, which stand at index `at`, by the versions `into`."""
    return {"at": at, "out": to_ranges(out), "in": to_ranges(into)}


def apply_splices(path: Sequence[int], splices: Sequence[Splice]) -> "array[int]":
    """The path after the splices. Does not check them: `fault_in` does, before the event is made."""
    changed = array("q", path)
    for hunk in reversed(splices):
        end = hunk["at"] + len(from_ranges(hunk["out"]))
        changed[hunk["at"] : end] = array("q", from_ranges(hunk["in"]))
    return changed


def fault_in(path: Sequence[int], splices: Sequence[Splice]) -> str | None:
    """Why the splices cannot be applied to the path, or None when they can."""
    reached = 0
    for hunk in splices:
        out = from_ranges(hunk["out"])
        if hunk["at"] < reached or hunk["at"] + len(out) > len(path):
            return f"splice at {hunk['at']} overlaps another or reaches beyond the path of {len(path)} messages"
        if list(path[hunk["at"] : hunk["at"] + len(out)]) != out:
            return f"splice at {hunk['at']} removes messages that do not stand there"
        reached = hunk["at"] + len(out)
    if _doubles(path, splices):
        return "a message would stand in the path twice"
    return None


def _doubles(path: Sequence[int], splices: Sequence[Splice]) -> bool:
    """Whether a message would stand in the path twice. Asked of each swipe of a long chat that is imported."""
    entering = [version for hunk in splices for version in from_ranges(hunk["in"])]
    if not entering:
        return False
    changed = apply_splices(path, splices)
    if len(entering) == 1:
        return changed.count(entering[0]) > 1
    return len(set(changed)) != len(changed)


def difference(before: Sequence[int], after: Sequence[int]) -> list[Splice]:
    """The splices that lead from one path to the other: what is common at both ends stays."""
    start = 0
    shorter = min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    tail = 0
    while tail < shorter - start and before[len(before) - 1 - tail] == after[len(after) - 1 - tail]:
        tail += 1
    out, into = before[start : len(before) - tail], after[start : len(after) - tail]
    return [splice(start, out, into)] if out or into else []


def hunks(before: Sequence[int], after: Sequence[int]) -> list[Splice]:
    """The splices that lead from one path to the other, each as small as it can be: what is common stays."""
    found: list[Splice] = []
    i = j = 0
    for a, b in [*align(before, after), (len(before), len(after))]:
        if i < a or j < b:
            found.append(splice(i, before[i:a], after[j:b]))
        i, j = a + 1, b + 1
    return found


def digest(path: Iterable[int]) -> str:
    """sha256 of the versions in order: equal exactly where the same messages stand in the same order."""
    return hashlib.sha256(",".join(map(str, path)).encode()).hexdigest()
