"""What became of the messages that match nothing: which of the transcript's are other forms of which of the path's.

A gap is a stretch of the path against a stretch of the transcript: before the first match, between two, or behind the
last (rules 4 and 5). A pair is an edit unless the two texts are the same but for what a client renders anew.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal

from domain.known import Known
from domain.reading import Said
from domain.resemblance import Likeness, by_a_script, likeness

COMPARED: Final = 1024
"""Pairs of texts of one gap that are compared with each other at most; in a larger one only roles decide."""

EXAMINED: Final = 128
"""Pairs of one request that are looked at for a client's script; beyond them it made all or none."""

NEAR: Final = 4
"""Messages at an end that may be new, or gone, where nothing is equal to tell it."""

SAMPLED: Final = 8
"""Messages, the last, that must mostly be alike for a transcript to be the path's although nothing is equal."""

Where = Literal["head", "between", "tail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Versions of the path and messages of the transcript that face each other without a match. `start` is the first
    new one's place in the transcript, `end` that of the match behind them."""

    where: Where
    old: Sequence[int]
    new: Sequence[Said]
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.new)


Pairs = dict[int, int]
"""The place among a gap's new messages -> the place among its old ones."""


def paired(gap: Gap, known: Known, *, is_known: Callable[[Said], bool]) -> Pairs:
    """Which new messages stand for which old ones. What `is_known` comes back as it is; only at the head it is paired
    with what it takes the place of."""
    if gap.where == "between" and _roles_agree(gap.old, gap.new, known) and not any(map(is_known, gap.new)):
        return {place: place for place in range(len(gap.new))}
    match gap.where:
        case "tail":
            return _from_the_top(gap, known, is_known)
        case "head":
            return _from_the_bottom(gap, known)
        case "between":
            return _by_likeness(gap, known, is_known)


def _roles_agree(old: Sequence[int], new: Sequence[Said], known: Known) -> bool:
    return [known.messages[version].role for version in old] == [one.message.role for one in new]


def _likeness(version: int, one: Said, known: Known) -> Likeness | None:
    if known.messages[version].role != one.message.role or one.message.role == "tool":
        return None
    return likeness(known.texts.get(version, ""), one.message.text)


def _by_likeness(gap: Gap, known: Known, is_known: Callable[[Said], bool]) -> Pairs:
    """Those that are alike; then, in the stretches between those, what came for what went, role for role."""
    pairs: Pairs = {}
    free, compared = 0, 0
    for place, one in enumerate(gap.new):
        for other in range(free, len(gap.old) if not is_known(one) else 0):
            compared += 1
            if compared > COMPARED:
                return pairs
            if _likeness(gap.old[other], one, known) is not None:
                pairs[place] = other
                free = other + 1
                break
    return _role_for_role(gap, pairs, known, is_known)


def _role_for_role(gap: Gap, alike: Pairs, known: Known, is_known: Callable[[Said], bool]) -> Pairs:
    pairs, free, new = dict(alike), 0, 0
    for place in [*sorted(alike), len(gap.new)]:
        end = alike.get(place, len(gap.old))
        left = iter(range(free, end))
        for at in range(new, place):
            if is_known(gap.new[at]):
                continue
            role = gap.new[at].message.role
            other = next((other for other in left if known.messages[gap.old[other]].role == role), None)
            if other is not None:
                pairs[at] = other
        free, new = end + 1, place + 1
    return pairs


def _from_the_top(gap: Gap, known: Known, is_known: Callable[[Said], bool]) -> Pairs:
    """Behind the last match: what another message follows was edited, whatever it says now; the last user message is
    never an edit but a sibling, and the last reply only where it is alike (rule 3)."""
    pairs: Pairs = {}
    facing = _facing(gap.old, gap.new, known)
    scripted = _scripted(facing, known)
    for place, (version, one) in enumerate(facing):
        last = place == len(gap.new) - 1
        if is_known(one):
            continue
        if last and place not in scripted:
            alike = _likeness(version, one, known)
            if alike is None or (alike != "same" and one.message.role == "user"):
                break
        pairs[place] = place
    return pairs


def _facing(old: Sequence[int], new: Sequence[Said], known: Known) -> list[tuple[int, Said]]:
    """The messages that face each other from the first on, as far as their roles are the same."""
    agreeing = takewhile(lambda pair: known.messages[pair[0]].role == pair[1].message.role, zip(old, new, strict=False))
    return list(agreeing)


def _scripted(facing: Sequence[tuple[int, Said]], known: Known) -> frozenset[int]:
    """The places of those that a script of the client made what they are."""
    texts = [(known.texts.get(version, ""), one.message.text) for version, one in facing[:EXAMINED]]
    return frozenset(place for place, scripted in enumerate(by_a_script(texts)) if scripted)


def _from_the_bottom(gap: Gap, known: Known) -> Pairs:
    """Before the first match: what is trimmed stands before what was edited, so both are read backwards. What is known
    takes the place of what it stands for, too. An old one that is passed over is gone."""
    pairs: Pairs = {}
    free = len(gap.old)
    for place in range(len(gap.new) - 1, -1, -1):
        role = gap.new[place].message.role
        near = range(free - 1, max(-1, free - 1 - NEAR), -1)
        other = next((other for other in near if known.messages[gap.old[other]].role == role), None)
        if other is None:
            break
        pairs[place] = other
        free = other
    return pairs


def shadow(said: Sequence[Said], path: Sequence[int], known: Known) -> list[tuple[int, int]]:
    """Pairs of a transcript of which nothing is equal to the path, and which yet is this path: its roles are those of
    the path's end, but for a few messages, and most of its last texts are much alike. Empty when it is not."""
    roles, of_path = [one.message.role for one in said], [known.messages[version].role for version in path]
    for gone in range(min(NEAR, len(path)) + 1):
        for new in range(min(NEAR, len(said)) + 1):
            count = min(len(said) - new, len(path) - gone)
            i, j = len(said) - new, len(path) - gone
            if count and roles[i - count : i] == of_path[j - count : j] and _mostly_alike(said[:i], path[:j], known):
                return [(i - back, j - back) for back in range(count, 0, -1)]
    return []


def _mostly_alike(said: Sequence[Said], path: Sequence[int], known: Known) -> bool:
    """Whether most of the last texts of both are other forms of each other."""
    count = min(SAMPLED, len(path), len(said))
    sample = list(zip(path[-count:], said[-count:], strict=True))
    scripted = _scripted(sample, known)
    alike = [at in scripted or _likeness(*one, known) is not None for at, one in enumerate(sample)]
    return 2 * sum(alike) > len(alike)


def unedited(count: int, texts: Callable[[int], tuple[str, str]]) -> list[bool]:
    """Of each of `count` pairs: whether the new text is the same message as it was, not an edit. `texts` reads a pair,
    the old text and the new one; only the last pairs are read."""
    rest = max(0, count - EXAMINED)
    examined = [texts(place) for place in range(rest, count)]
    same = [likeness(old, new) == "same" for old, new in examined]
    scripted = iter(by_a_script([pair for pair, equal in zip(examined, same, strict=True) if not equal]))
    found = [equal or next(scripted) for equal in same]
    return [2 * sum(found) > len(found)] * rest + found


def moved_by_retrieval(texts: Iterable[str], instructions: Iterable[str]) -> list[bool]:
    """Of each missing text: whether it stands in an instruction of this request, as a line or within one."""
    whole = [" ".join(text.split()).casefold() for text in instructions]
    lines = _lines(instructions)
    found: list[bool] = []
    for text in texts:
        plain = " ".join(text.split()).casefold()
        inside = len(plain) >= 20 and any(plain in instruction for instruction in whole)
        found.append(bool(plain) and (plain in lines or inside))
    return found


def _lines(instructions: Iterable[str]) -> frozenset[str]:
    """The lines of the instructions, each also without the name before it."""
    lines = [" ".join(line.split()).casefold() for text in instructions for line in text.splitlines()]
    return frozenset(line for whole in lines for line in (whole, whole.partition(": ")[2]) if line)
