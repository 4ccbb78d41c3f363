"""What a query asks for besides its words: of whom it speaks, of which days, and what kind of answer it wants. Pure.

"I" is the user and "you" the assistant: who writes the query is the user. English; a query in another language names
speakers all the same, and nothing else.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from domain.records import Role
from projections.dates import Days, days_asked
from projections.languages import ENGLISH
from projections.traits import NUMBER, TIME

_MARKS: Final = {"number": NUMBER, "time": TIME, "both": NUMBER | TIME}

LOOKED_AT: Final = 2_000
"""Characters of a query: what it wants is said in its first lines."""

_PLEASE = re.compile(
    r"\b(?:(?:can|could|would|will) you (?:please )?(?:also |quickly |briefly )?"
    r"(?:remind|tell|list|walk|give|show|help|explain|describe|summari[sz]e|provide|outline)"
    r"|(?:can|could|do) you (?:still )?(?:remember|recall|know)"
    # Advice is asked for now; what was advised is past: "did you suggest".
    r"|(?:would|do|can|could|should) you (?:suggest|recommend|advise|propose|think))\b",
    re.IGNORECASE,
)
_AUXILIARY: Final = r"(?:did|do|does|have|had|has|was|were|am|are|can|could|will|would|should|must)(?:n't)?"
_I_DID = re.compile(
    rf"\b{_AUXILIARY} I\b|\bI(?:'ve|'d|'m)?\s+(?:said|told|mentioned|asked|brought|wrote|\w+ed)\b", re.I
)
_YOU_DID = re.compile(rf"\b{_AUXILIARY} you\b|\byou(?:'ve|'d)?\s+(?:said|told|mentioned|suggested|\w+ed)\b", re.I)
_I = re.compile(r"\b(?:I|me|my|mine|myself)\b", re.IGNORECASE)
_YOU = re.compile(r"\b(?:you|your|yours|yourself)\b", re.IGNORECASE)
_QUESTION = re.compile(
    r"\b(?:(?P<name>who|whom|whose|where|which (?!year|month|day|date|week))"
    r"|(?P<number>how (?:many|much|often|old|far|big|tall))"
    r"|(?P<both>how long)"
    r"|(?P<time>when|(?:what|which) (?:date|day|time|month|year|week))"
    r"|what|why|how)\b",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\b(?:books?|novels?|films?|movies?|games?|titled?|songs?|albums?|shows?|series|called|named|name|quotes?|saying"
    r"|motto|say|said|signs?|posters?|plays?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Of whom: `names` are speakers, in the order in which they are named, or `role` is whom "I" or "you" means; never
    both. `name`, `marks` (as in traits) and `title` say what would be an answer: a name, a number or a time, a
    quotation."""

    names: Sequence[str]
    role: Role | None
    days: Sequence[Days]
    name: bool
    marks: int
    title: bool


def asking(text: str, speakers: Iterable[str], *, now: int, language: str) -> Asking:
    """What a query of the day `now` (`date.toordinal`) asks for."""
    said = text[:LOOKED_AT]
    names = _named(said, speakers)
    if language not in ("", ENGLISH):
        return Asking(names=names, role=None, days=(), name=False, marks=0, title=False)
    subject, spoken_of = _persons(said)
    question = _QUESTION.search(said)
    wanted = question.lastgroup if question is not None else None
    return Asking(
        names=names if subject is None else (),
        role=subject or (spoken_of if not names else None),
        days=days_asked(said, now),
        name=wanted == "name",
        marks=_MARKS.get(wanted or "", 0),
        title=_TITLE.search(said) is not None,
    )


def _persons(text: str) -> tuple[Role | None, Role | None]:
    """Who does what is asked about ("did I", "you said"), and who is spoken of at all; None where it is both."""
    without = _PLEASE.sub(" ", text)
    return _either(without, _I_DID, _YOU_DID), _either(without, _I, _YOU)


def _either(text: str, i: re.Pattern[str], you: re.Pattern[str]) -> Role | None:
    user, assistant = i.search(text) is not None, you.search(text) is not None
    if user == assistant:
        return None
    return "user" if user else "assistant"


def _named(text: str, speakers: Iterable[str]) -> list[str]:
    found = {speaker: match.start() for speaker in speakers if (match := _mentioned(speaker).search(text)) is not None}
    return sorted(found, key=found.__getitem__)


@lru_cache(maxsize=1_000)
def _mentioned(speaker: str) -> re.Pattern[str]:
    """The speaker's name, or the first word of it; never a name that is nothing but blanks."""
    first = speaker.split()[:1]
    words = [re.escape(word) for word in dict.fromkeys((speaker, *first))] if first else ["(?!)"]
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)
