"""Where on which path a transcript stands: most matches, then the latest last match, then the present path (rule 3).

Also who sends no transcript at all but only its newest words (rule 10), and what cannot be placed: that becomes a
branch, and nothing is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.alignment import Pair, align
from domain.gaps import shadow
from domain.known import Known
from domain.prompt import Prompt
from domain.reading import Said, assistants

LOOKED_AT: Final = 2
"""Messages known only from elsewhere that are enough to look for another branch."""

LOOKED_BACK: Final = 1024
"""Messages, the last, that may lead there."""

FEW: Final = 20
"""Messages above which a transcript must have a tenth in common with the path to be placed on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Pairs (of the transcript, of the path `base`) that belong together. `reason` says why it could not be placed."""

    base: Sequence[int]
    matches: Sequence[Pair]
    reason: str | None = None


def is_thin(said: Sequence[Said], prompt: Prompt, known: Known) -> bool:
    """Whether only the newest words came, to be appended whatever they say."""
    path = known.path
    # A call of a tool is no reply yet, but one that we know was answered for here.
    called = any(one.message.role == "assistant" and one.key in known.by_key for one in said)
    if prompt.mode is not None or not path or called or assistants(said):
        return prompt.mode == "append"
    keys = [one.key for one in said]
    on_path = known.keys(path)
    unanswered = known.messages[path[-1]].role == "user"
    if unanswered or any(record["whole"] for record in known.prompts.latest):
        return not set(keys) & set(on_path)
    first_again = len(path) == len(said) + 1 and keys == on_path[:-1]
    return not (first_again and (prompt.instructions or not prompt.named))


def newest(said: Sequence[Said]) -> Sequence[Said]:
    """What stands behind the last reply."""
    replies = [place for place, one in enumerate(said) if assistants([one])]
    return said[replies[-1] + 1 :] if replies else said


def placed(said: Sequence[Said], known: Known) -> Place:
    """The best place of a transcript."""
    keys = [one.key for one in said]
    place = Place(base=known.path, matches=align(keys, known.keys(known.path)))
    stray = _stray(said, place, known)
    if stray is not None and (former := known.former_path(stray)):
        other = Place(base=former, matches=align(keys, known.keys(former)))
        place = max(place, other, key=_worth)
    if not place.matches and known.path and said:
        place = Place(base=known.path, matches=shadow(said, known.path, known))
    return _doubted(place, said)


def _stray(said: Sequence[Said], place: Place, known: Known) -> int | None:
    """A message known only from elsewhere: it may lead to another branch, unless it is the only one and stands right
    behind a match. Then it is a sibling that came back."""
    first = place.matches[0][0] if place.matches else len(said)
    matched, on_path = {i for i, _ in place.matches}, set(place.base)
    strays: list[tuple[int, int]] = []
    for i in range(len(said) - 1, max(-1, len(said) - 1 - LOOKED_BACK), -1):
        if i in matched:
            continue
        strays += [(i, version) for version in known.by_key.get(said[i].key, ())[-1:] if version not in on_path]
        if len(strays) == LOOKED_AT:
            break
    if not strays:
        return None
    at, version = strays[0]
    follows_a_match = at > first and at - 1 in matched
    return None if len(strays) == 1 and follows_a_match else version


def _worth(place: Place) -> tuple[int, int]:
    return len(place.matches), place.matches[-1][0] if place.matches else -1


def _doubted(place: Place, said: Sequence[Said]) -> Place:
    """The place, or none where too little agrees."""
    if not place.base or not said:
        return place
    smaller = min(len(said), len(place.base))
    if place.matches and (smaller <= FEW or 10 * len(place.matches) >= smaller):
        return place
    reason = f"only {len(place.matches)} of {len(said)} messages stand on the path of {len(place.base)}"
    return Place(base=place.base, matches=(), reason=reason)
