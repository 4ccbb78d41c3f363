"""What each message of a transcript is on the path, and the path that results.

First every message is decided on: it matches, it is an edit, it returns from elsewhere, it is new, or it is held for an
injection. Then the path is laid out in the transcript's order; what matched nothing leaves, except what was trimmed at
the head or moved into an instruction by the client's own retrieval.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from domain import injections
from domain.gaps import Gap, moved_by_retrieval, paired, unedited
from domain.injections import MET_MID_CHAT, Between
from domain.known import Known
from domain.messages import Message
from domain.operations import Edit
from domain.placing import Place
from domain.prompt import Prompt
from domain.reading import Said
from domain.records import HeldRecord
from domain.trimming import was_removed

RETRIEVED_AT_ONCE: Final = 64
"""Missing messages that are looked for among the instructions; when more are missing they are gone."""

Fate = int | Edit | Message | None
"""What a message of the transcript is on the path: a known one, an edit, a new one, or nothing (an injection)."""


@dataclass(slots=True)
class Layout:
    """`fates` of the transcript's messages in order, the `path` that results, what `left` it from before the place and
    what was `displaced` behind it, and what is held or was learned as an injection."""

    fates: list[Fate]
    path: list[int | Edit | Message] = field(default_factory=list[int | Edit | Message])
    left: list[int] = field(default_factory=list[int])
    displaced: list[int] = field(default_factory=list[int])
    held: list[HeldRecord] = field(default_factory=list[HeldRecord])
    learned: set[int] = field(default_factory=set[int])


def laid_out(said: Sequence[Said], place: Place, prompt: Prompt, known: Known) -> Layout:
    """Decide on every message of a placed transcript."""
    return _LayingOut(said, place, prompt, known).result()


class _LayingOut:
    def __init__(self, said: Sequence[Said], place: Place, prompt: Prompt, known: Known) -> None:
        self._said = said
        self._place = place
        self._prompt = prompt
        self._known = known
        self._layout = Layout(fates=[None] * len(said))
        self._gaps = _gaps(said, place)
        self._taken = {place.base[j] for _, j in place.matches}
        self._replaced: set[int] = set()
        # What was trimmed stays where it is; nothing of it can return elsewhere.
        self._fixed = frozenset(self._gaps[0].old if place.matches else ())
        self._first_sight = injections.at_first_sight(prompt) if not known.path else frozenset[int]()

        self._many = False
        last = known.prompts.last
        self._held_before = frozenset(held["key"] for held in last["held"]) if last is not None else frozenset[int]()

    def result(self) -> Layout:
        for i, j in self._place.matches:
            self._layout.fates[i] = self._place.base[j]
        self._decide_pairs()
        if self._place.matches or self._first_sight:
            self._many = sum(fate is None for fate in self._layout.fates) > injections.MOST
            for gap in self._gaps:
                self._decide_rest(gap)
        else:
            self._decide_unplaced()
        laid = 0
        for gap in self._gaps:
            self._put(laid, gap.start)
            self._lay(gap)
            laid = gap.end
        return self._layout

    # -- what each message is ------------------------------------------------------------------------------------------

    def _decide_pairs(self) -> None:
        """Edits, unless the client only rendered the text anew (rules 4 and 5)."""
        base, messages = self._place.base, self._known.messages
        facing = [(i, base[j]) for i, j in self._place.matches if self._said[i].key != messages[base[j]].key]
        for gap in self._gaps if self._place.matches else ():
            pairs = paired(gap, self._known, is_known=self._is_known)
            self._replaced.update(gap.old[old] for old in pairs.values())
            facing += [
                (gap.start + new, gap.old[old]) for new, old in pairs.items() if not self._is_known(gap.new[new])
            ]
        same = unedited(len(facing), lambda at: self._texts(*facing[at]))
        for (i, version), unchanged in zip(facing, same, strict=True):
            self._layout.fates[i] = version if unchanged else Edit(version, self._said[i].message.text)
            self._taken.add(version)

    def _is_known(self, one: Said) -> bool:
        return self._elsewhere(one) is not None

    def _texts(self, i: int, version: int) -> tuple[str, str]:
        return self._known.texts.get(version, ""), self._said[i].message.text

    def _decide_rest(self, gap: Gap) -> None:
        unknown = [i for i in range(gap.start, gap.end) if self._layout.fates[i] is None]
        returning = self._last_returning(gap)
        unsuspected = gap.where == "tail" and not self._first_sight and not self._held_before
        for i in unknown:
            if unsuspected and i > returning and self._said[i].key not in self._known.by_key:
                self._layout.fates[i] = self._said[i].message
                continue
            fate = self._fate(i, gap, behind=gap.where == "tail" and i > returning, alone=len(unknown) == 1)
            self._layout.fates[i] = fate
            if isinstance(fate, int):
                self._taken.add(fate)

    def _decide_unplaced(self) -> None:
        """Nothing tells what stands for what: each message is a known one, or new."""
        for i, one in enumerate(self._said):
            version = self._elsewhere(one, after=self._version_before(i))
            self._layout.fates[i] = one.message if version is None else version
            if version is not None:
                self._taken.add(version)

    def _last_returning(self, gap: Gap) -> int:
        """The place of the last reply of the gap that returns from elsewhere: what stands before it is between two
        known messages, too."""
        if gap.where != "tail" or not self._place.matches:
            return -1
        replies = (i for i in range(gap.end - 1, gap.start - 1, -1) if self._said[i].message.role == "assistant")
        return next((i for i in replies if self._elsewhere(self._said[i]) not in (None, *gap.old)), -1)

    def _fate(self, i: int, gap: Gap, *, behind: bool, alone: bool) -> Fate:
        one = self._said[i]
        version = self._elsewhere(one, after=self._version_before(i))
        if version is not None and self._is_injection(i, version, gap, alone=alone):
            return None
        if version is not None and not self._is_said_again(i, version, gap):
            return version
        if self._is_new(i, gap, behind=behind, alone=alone):
            return one.message
        at = self._between(i)
        match injections.judged(one, at, self._known):
            case "message":
                return one.message
            case "learned":
                self._layout.learned.add(one.key)
            case "held":
                self._layout.held.append(injections.held(one, at))
        return None

    def _is_said_again(self, i: int, version: int, gap: Gap) -> bool:
        """A user may say again what was said elsewhere; it is the same message only behind the one it stood behind."""
        if gap.where != "tail" or self._said[i].message.role != "user" or not self._place.matches:
            return False
        if version in self._place.base:
            return True
        former = list(self._known.former_path(version))
        before = former[former.index(version) - 1] if version in former[1:] else 0
        return before != self._version_before(i)

    def _is_injection(self, i: int, version: int, gap: Gap, *, alone: bool) -> bool:
        """A message of the path that only moved, with the end, was an injection all the time (rule 9)."""
        if not self._place.matches or version not in self._place.base or self._prompt.mode == "sync":
            return False
        base, depth = self._place.base, len(self._said) - 1 - i
        if self._known.messages[version].ours or (gap.where == "tail" and alone):
            return False
        moved = injections.moves_with_the_end(version, base, depth, self._known)
        if moved:
            self._layout.learned.add(self._said[i].key)
        return moved

    def _is_new(self, i: int, gap: Gap, *, behind: bool, alone: bool) -> bool:
        """Whether an unknown text is taken for a message at once: behind the last match, or where many came at once."""
        if self._prompt.mode == "sync" or self._said[i].message.role == "tool":
            return True
        if behind:
            suspected = self._said[i].place in self._first_sight or self._said[i].key in self._held_before
            return alone or not suspected
        return self._many if gap.where == "between" else len(gap.new) >= MET_MID_CHAT

    def _between(self, i: int) -> Between:
        """The nearest messages around that are none of the unknown ones."""
        before = next((self._said[at].key for at in range(i - 1, -1, -1) if self._layout.fates[at] is not None), None)
        behind = next((self._said[at].key for at in range(i + 1, len(self._said)) if self._is_placed(at)), None)
        return Between(before=before, behind=behind, depth=len(self._said) - 1 - i)

    def _is_placed(self, i: int) -> bool:
        """Also while the messages behind are not decided on yet: at first sight all that are not suspected will be."""
        return self._layout.fates[i] is not None or (
            bool(self._first_sight) and self._said[i].place not in self._first_sight
        )

    # -- what returns --------------------------------------------------------------------------------------------------

    def _elsewhere(self, one: Said, after: int = 0) -> int | None:
        """A known message of the same text that stands nowhere yet: off the path, or left over on it. The next one
        behind the message before it, else the latest."""
        versions = self._known.by_key.get(one.key)
        if versions is None:
            return None
        free = [version for version in versions if version not in self._taken and version not in self._fixed]
        return next((version for version in free if version > after), free[-1]) if free else None

    def _version_before(self, i: int) -> int:
        fate = self._layout.fates[i - 1] if i else None
        return fate if isinstance(fate, int) else 0

    # -- the path ------------------------------------------------------------------------------------------------------

    def _lay(self, gap: Gap) -> None:
        missing = [version for version in gap.old if version not in self._taken]
        stays = self._stay(gap, missing)
        self._layout.path.extend(version for version in missing if version in stays)
        gone = self._layout.displaced if gap.where == "tail" else self._layout.left
        gone.extend(version for version in missing if version not in stays)
        self._put(gap.start, gap.end)

    def _put(self, start: int, end: int) -> None:
        self._layout.path.extend(fate for fate in self._layout.fates[start:end] if fate is not None)

    def _stay(self, gap: Gap, missing: Sequence[int]) -> frozenset[int]:
        """What stays on the path although the transcript does not show it (rules 2, 3 and 5)."""
        if self._prompt.mode == "sync" or not missing:
            return frozenset()
        if gap.where == "head" and self._place.matches:
            return self._trimmed(gap, missing)
        if len(missing) > RETRIEVED_AT_ONCE or not self._prompt.instructions:
            return frozenset()
        texts = [self._known.texts.get(version, "") for version in missing]
        found = moved_by_retrieval(texts, [instruction.text for instruction in self._prompt.instructions])
        return frozenset(version for version, moved in zip(missing, found, strict=True) if moved)

    def _trimmed(self, gap: Gap, missing: Sequence[int]) -> frozenset[int]:
        """What is missing at the head stays up to the first that another took the place of."""
        changed = [version for version in gap.old if version in self._replaced]
        if changed:
            return frozenset(gap.old[: gap.old.index(changed[0])])
        behind = self._place.base[self._place.matches[0][1]]
        return frozenset() if was_removed(missing, behind, self._prompt, self._known) else frozenset(missing)


def _gaps(said: Sequence[Said], place: Place) -> list[Gap]:
    """Before the first match, wherever two do not follow each other, behind the last. Without a match all is behind."""
    matches = place.matches
    gaps: list[Gap] = []
    if matches:
        i, j = matches[0]
        gaps.append(Gap(where="head", old=place.base[:j], new=said[:i], start=0))
    for (i, j), (a, b) in pairwise(matches):
        if a - i > 1 or b - j > 1:
            gaps.append(Gap(where="between", old=place.base[j + 1 : b], new=said[i + 1 : a], start=i + 1))
    i, j = matches[-1] if matches else (-1, -1)
    gaps.append(Gap(where="tail", old=place.base[j + 1 :], new=said[i + 1 :], start=i + 1))
    return gaps
