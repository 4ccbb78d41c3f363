"""Days that a text names, as ranges: "7 May 2023", "in June", "last Friday", "two weeks ago". Pure; English.

Days are numbers (`date.toordinal`), ranges include both ends. A library (dateparser) would read more languages, but
takes milliseconds a text; here a text must cost microseconds.
"""

import re
from calendar import day_name, month_abbr, month_name, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final, Literal

Unit = Literal["day", "month", "year"]

MOST: Final = 16
"""Ranges kept of one text."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days `first` to `last`, named as a day (or a week or so), a month or a year."""

    first: int
    last: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class _Named:
    """A date as written, with whatever of it was."""

    year: int | None
    month: int | None = None
    day: int | None = None


_MONTHS: Final = {
    **{name.lower(): number for number, name in enumerate(month_abbr) if name},
    **{name.lower(): number for number, name in enumerate(month_name) if name},
    "sept": 9,
}
_WEEKDAYS: Final = {name.lower(): number for number, name in enumerate(day_name)}
_SEASONS: Final = {"spring": 3, "summer": 6, "fall": 9, "autumn": 9, "winter": 12}
_COUNTED: Final = "one two three four five six seven eight nine ten"
_NUMBERS: Final = {
    **{word: number for number, word in enumerate(_COUNTED.split(), start=1)},
    **{"a": 1, "an": 1, "couple": 2, "few": 3},
}
_LONG_AGO: Final = 200
"""Of whatever unit: what is further back is a number that means something else."""

_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WEEKDAY = "|".join(_WEEKDAYS)
_WRITTEN = re.compile(
    rf"""(?<!:)\b(?:
        (?P<y1>\d{{4}})-(?P<m1>\d\d)-(?P<d1>\d\d)
        | (?P<d2>\d\d?)(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<m2>{_MONTH})\b\.?(?:,?\s+(?P<y2>\d{{4}})\b)?
        | (?P<m3>{_MONTH})\b[.-]?\s*(?P<d3>\d\d?)(?:st|nd|rd|th)?\b(?:(?:,\s*|\s+|-)(?P<y3>\d{{4}})\b)?
        | (?P<m4>{_MONTH})\b\.?(?:\s+of)?(?:,?\s+(?P<y4>\d{{4}}))?\b
        | (?P<y5>(?:19|20)\d\d)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
# "may" and "march" are mostly words: alone they are months with a capital, behind a word that wants a time.
_ALSO_A_WORD: Final = frozenset({"may", "march", "mar", "sun", "dec", "jan"})
_WANTS_A_TIME = re.compile(r"\b(?:in|during|of|last|this|next|since|until|by|early|late|mid|from|every)[ -]$", re.I)
_RELATIVE = re.compile(
    rf"""\b(?:
        (?P<word>day\ before\ yesterday|yesterday|last\ night|today|tonight|this\ morning|tomorrow)
        | (?P<way>last|past|previous|next|this(?:\ past)?)\s+
            (?P<what>week(?:end)?|month|year|{_WEEKDAY}|{"|".join(_SEASONS)})
        | (?P<weekday>{_WEEKDAY})
        | (?P<count>\d{{1,3}}|{"|".join(_NUMBERS)})(?:\s+of)?\s+(?P<unit>day|weekend|week|month|year)s?\s+
            (?:ago|back|before|earlier)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_WORDS: Final = {
    "day before yesterday": -2,
    **{"yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "this morning": 0, "tomorrow": 1},
}
# Where case does not count, `re` takes these for s and i, and `str.lower` does not: old prints have "Augu\u017ft".
_PLAIN: Final = str.maketrans({"\u017f": "s", "\u0131": "i"})

# Nothing above can match a text without one of these: most texts are done with at once.
_MAY_HAVE_ONE = re.compile(
    rf"\d{{4}}|\b(?:{_MONTH}|{_WEEKDAY}|yesterday|today|tonight|tomorrow|night|morning|weeks?|weekends?|months?"
    rf"|years?|days?|{'|'.join(_SEASONS)})\b",
    re.IGNORECASE,
)


def days_in(text: str, said: int) -> list[Days]:
    """The days a message of the day `said` speaks of; a date without a year is the nearest that is not far ahead."""
    text = text.translate(_PLAIN)
    if _MAY_HAVE_ONE.search(text) is None:
        return []
    written = (_nearest(named, date.fromordinal(said)) for named in _written(text))
    return [days for days in chain(written, _relative(text, said)) if days is not None][:MOST]


def days_asked(text: str, now: int, *, years: int = 5) -> list[Days]:
    """The days that a question of the day `now` asks about; a date without a year is that of each of the last years."""
    text = text.translate(_PLAIN)
    if _MAY_HAVE_ONE.search(text) is None:
        return []
    this = date.fromordinal(now).year
    written = (
        _days(year, named.month, named.day)
        for named in _written(text)
        for year in ([named.year] if named.year is not None else range(this, this - years, -1))
    )
    return [days for days in chain(written, _relative(text, now)) if days is not None][:MOST]


def _written(text: str) -> Iterator[_Named]:
    for match in _WRITTEN.finditer(text):
        for n in "1234":
            if (month := match[f"m{n}"]) is not None:
                day = match[f"d{n}"] if n != "4" else None
                if day is None and not _is_month(text, match.start(), month, with_year=match["y4"] is not None):
                    break
                yield _Named(_number(match[f"y{n}"]), _month(month), _number(day))
                break
        else:
            yield _Named(int(match["y5"]))


def _is_month(text: str, start: int, word: str, *, with_year: bool) -> bool:
    if with_year or word.lower() not in _ALSO_A_WORD:
        return True
    return word[0].isupper() and _WANTS_A_TIME.search(text, max(0, start - 12), start) is not None


def _month(word: str) -> int:
    return int(word) if word.isdigit() else _MONTHS[word.lower()]


def _number(digits: str | None) -> int | None:
    return int(digits) if digits is not None else None


def _nearest(named: _Named, said: date) -> Days | None:
    """With the year added: this one, or the last where that would be more than half a year ahead."""
    year = named.year
    if year is None:
        ahead = (named.month or 1) > said.month + (6 if named.day is not None else 0)
        year = said.year - ahead
    return _days(year, named.month, named.day)


def _days(year: int, month: int | None = None, day: int | None = None) -> Days | None:
    """The range; None for a date that there is not."""
    try:
        if month is None:
            return Days(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal(), "year")
        if day is None:
            return _whole_month(year, month)
        number = date(year, month, day).toordinal()
    except ValueError:
        return None
    return Days(number, number, "day")


def _whole_month(year: int, month: int) -> Days:
    first = date(year, month, 1).toordinal()
    return Days(first, first + monthrange(year, month)[1] - 1, "month")


def _relative(text: str, said: int) -> Iterator[Days | None]:
    for match in _RELATIVE.finditer(text):
        if (word := match["word"]) is not None:
            day = said + _WORDS[" ".join(word.lower().split())]
            yield Days(day, day, "day")
        elif (what := match["what"]) is not None:
            yield _beside(match["way"].lower(), what.lower(), said)
        elif (weekday := match["weekday"]) is not None:
            yield _beside("last", weekday.lower(), said)
        else:
            yield _ago(match["count"].lower(), match["unit"].lower(), said)


def _beside(way: str, what: str, said: int) -> Days | None:
    """Last, this or next week, month, Friday, summer."""
    step = {"next": 1, "this": 0}.get(way, -1)
    monday = said - date.fromordinal(said).weekday()
    if what in _WEEKDAYS:
        day = monday + _WEEKDAYS[what]
        day += 7 * step if (step > 0 and day <= said) or (step < 0 and day >= said) else 0
        return Days(day, day, "day")
    match what:
        case "week":
            return Days(monday + 7 * step, monday + 7 * step + 6, "day")
        case "weekend":
            return Days(monday + 7 * step + 5, monday + 7 * step + 6, "day")
        case "month":
            return _months_from(said, step)
        case "year":
            return _days(date.fromordinal(said).year + step)
        case _:
            return _season(_SEASONS[what], step, date.fromordinal(said))


def _months_from(said: int, step: int) -> Days | None:
    day = date.fromordinal(said)
    months = day.year * 12 + day.month - 1 + step
    return _whole_month(months // 12, months % 12 + 1) if 12 <= months < 12 * 9999 else None


def _season(starts: int, step: int, said: date) -> Days | None:
    year = said.year - (step < 0 and starts > said.month - 2) + (step > 0 and starts <= said.month)
    first = _days(year, starts)
    return Days(first.first, first.first + 91, "month") if first is not None else None


def _ago(count: str, unit: str, said: int) -> Days | None:
    number = _NUMBERS.get(count) or int(count)
    if number > _LONG_AGO:
        return None
    match unit:
        case "day":
            return Days(said - number, said - number, "day")
        case "week":
            return Days(said - 7 * number - 3, said - 7 * number + 3, "day")
        case "weekend":
            saturday = said - date.fromordinal(said).weekday() + 5 - 7 * number
            return Days(saturday, saturday + 1, "day")
        case "month":
            return _months_from(said, -number)
        case _:
            return _days(date.fromordinal(said).year - number)
