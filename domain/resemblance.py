"""Whether two texts are one message: the same, cut short, gone on, or much alike. Pure; costs grow with the texts."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from domain.keys import normalised

Likeness = Literal["same", "cut", "longer", "similar"]

SIMILAR: Final = 0.6
"""Share of words in common from which a text is another form of a message of the same role."""

SCRIPTED: Final = 3
"""Messages of one request in which the same words gave way to the same others: then it was a script of the client."""

_MACRO = re.compile(r"\{\{[^{}]*\}\}")
_EDGES = re.compile(r"^\W+|\W+$")

Substitution = tuple[str, str]
"""Words, and those that stand in their place."""


def likeness(old: str, new: str) -> Likeness | None:
    """What the new text is to the old one; None where it is another text altogether."""
    before, now = normalised(old), normalised(new)
    if before == now or _filled_in(before, now):
        return "same"
    if now and before.startswith(now):
        return "cut"
    if before and now.startswith(before):
        return "longer"
    return "similar" if similarity(before, now) >= SIMILAR else None


def similarity(one: str, other: str) -> float:
    """Share of words that both have, each counted as often as it stands in both (0..1)."""
    of_one, of_other = Counter(one.split()), Counter(other.split())
    every = of_one.total() + of_other.total()
    return 2 * (of_one & of_other).total() / every if every else 1.0


def _filled_in(before: str, now: str) -> bool:
    """The old text with something else in the place of each macro; macros are drawn anew at every request."""
    pieces = _MACRO.split(before)
    if len(pieces) == 1 or not any(piece.strip() for piece in pieces):
        return False
    head, *middle, tail = pieces
    if not (now.startswith(head) and now.endswith(tail) and len(now) >= len(head) + len(tail)):
        return False
    place, end = len(head), len(now) - len(tail)
    for piece in middle:
        place = now.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return True


def by_a_script(pairs: Iterable[tuple[str, str]]) -> list[bool]:
    """Of each old text and its new one: whether a script of the client made the difference.

    That is so when the same words gave way to the same others in three messages or more, or when three messages or more
    differ in nothing but signs (asterisks, quotation marks).
    """
    changes = [_substitutions(normalised(old), normalised(new)) for old, new in pairs]
    often = Counter(change for some in changes for change in set(some))
    return [any(often[change] >= SCRIPTED for change in some) for some in changes]


def _substitutions(old: str, new: str) -> list[Substitution]:
    """What may have been put in the place of what, so that the old text reads as the new one."""
    if old == new:
        return []
    before, now = old.split(), new.split()
    start = next((at for at, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now)))
    end = 0
    while end < min(len(before), len(now)) - start and before[-1 - end] == now[-1 - end]:
        end += 1
    found = [(" ".join(before[start : len(before) - end]), " ".join(now[start : len(now) - end]))]
    word = _EDGES.sub("", before[start]) if start < len(before) else ""
    if word and (other := _put_for(word, old, new)) is not None:
        found.append((word, other))
    if _bare(old) == _bare(new):
        found.append(("signs", ""))
    return found


def _put_for(word: str, old: str, new: str) -> str | None:
    """What stands in the new text wherever the word stood in the old one; None where that is not all the difference."""
    pieces = re.split(rf"(?<!\w){re.escape(word)}(?!\w)", old)
    room, times = len(new) - sum(map(len, pieces)), len(pieces) - 1
    if times < 1 or room < 0 or room % times:
        return None
    other = new[len(pieces[0]) : len(pieces[0]) + room // times]
    return other if other.join(pieces) == new else None


def _bare(text: str) -> str:
    """Without signs."""
    return re.sub(r"[^\w\s]|_", "", text)
