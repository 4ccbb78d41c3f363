"""What a text shows besides its words: how long it is, whether it asks, names, numbers, times, quotations, days. Pure.

These are the marks of an answer: to "who" or "where" a name, to "how many" a number, to "when" a time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from projections.dates import Days, Unit, days_in

LOOKED_AT: Final = 8_000
"""Characters: an answer worth a cue stands in a short message, and a message may be a book."""
NAMES_COUNTED: Final = 3

ASKS, QUESTION, NUMBER, TIME, QUOTES = 1, 2, 4, 8, 16

_WORD_PATTERN: Final = "[^\\W_]+(?:['\u2019][^\\W_]+)*"
_WORD = re.compile(_WORD_PATTERN)
_WORD_OR_START = re.compile(_WORD_PATTERN + '|[.!?\\n:"\u201c\\[]')
_I: Final = ("I'", "I\u2019")
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|couple|few|several"
    r"|once|twice|first|second|third|half|many)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|weeks?|weekends?|months?|years?|days?|morning|evening|night"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october"
    r"|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|since|recently|soon|minutes?|hours?"
    r"|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_QUOTATION = re.compile('["\u201c][^"\u201d]{2,80}["\u201d]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """`marks` is a sum of ASKS (ends with a question mark), QUESTION (has one), NUMBER, TIME and QUOTES; `names` counts
    capitalised words inside sentences, up to three."""

    words: int = 0
    marks: int = 0
    names: int = 0
    days: Sequence[Days] = ()

    def packed(self) -> list[object]:
        """As JSON keeps it."""
        return [self.words, self.marks, self.names, [[days.first, days.last, days.unit] for days in self.days]]

    @classmethod
    def unpacked(cls, packed: Sequence[object]) -> "Traits":
        words, marks, names, days = cast("tuple[int, int, int, list[tuple[int, int, Unit]]]", packed)
        return cls(words=words, marks=marks, names=names, days=tuple(Days(*day) for day in days))


def traits(text: str, day: int | None) -> Traits:
    """The traits of a text that was said on `day` (`date.toordinal`); without one it names no days."""
    looked_at = text[:LOOKED_AT]
    return Traits(
        words=len(_WORD.findall(looked_at)),
        marks=_marks(looked_at),
        names=_names(looked_at),
        days=tuple(days_in(looked_at, day)) if day is not None else (),
    )


def _marks(text: str) -> int:
    return (
        ASKS * text.rstrip().endswith("?")
        | QUESTION * ("?" in text)
        | NUMBER * (_NUMBER.search(text) is not None)
        | TIME * (_TIME.search(text) is not None)
        | QUOTES * (_QUOTATION.search(text) is not None)
    )


def _names(text: str) -> int:
    """Capitalised words that do not begin a sentence, a line or a quotation, "I" left out."""
    count, begins = 0, True
    for match in _WORD_OR_START.finditer(text):
        word = match[0]
        if word[0].isupper() and not begins and word != "I" and not word.startswith(_I):
            count += 1
            if count == NAMES_COUNTED:
                break
        begins = not word[0].isalnum()
    return count
