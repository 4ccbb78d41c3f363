"""Dates as people and other programs write them, read as an instant. No clock here: what has no date gets none."""

import math
from datetime import UTC, datetime
from typing import Final

_WRITTEN: Final = ("%B-%d-%Y", "%d %B %Y", "%B %d, %Y", "%I:%M %p on %d %B, %Y")
"""How chats that were published as data date their messages: March-15-2024, 1:56 pm on 8 May, 2023."""


EARLIEST: Final = 1000
LATEST: Final = 9000
"""Years. Nearer to the ends of what a date can hold, another second or offset would have no date."""


def is_ordinary(when: datetime) -> bool:
    """Whether the date is of a year that one can reckon with."""
    return EARLIEST <= when.year <= LATEST


def instant(value: object) -> datetime | None:
    """The instant in UTC that ISO 8601, seconds since the epoch or a written date mean; None when it is none of them,
    or of a year out of the ordinary. What names no offset is taken as UTC.
    """
    when = _instant(value)
    return when if when is not None and is_ordinary(when) else None


def _instant(value: object) -> datetime | None:
    try:
        match value:
            case bool():
                return None
            case int() | float():
                return datetime.fromtimestamp(value, UTC) if math.isfinite(value) else None
            case str():
                return _aware(_parsed(value.strip()))
            case _:
                return None
    except (ValueError, OverflowError, OSError):
        return None


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        for written in _WRITTEN[:-1]:
            try:
                return datetime.strptime(text, written)
            except ValueError:
                continue
        return datetime.strptime(text, _WRITTEN[-1])


def _aware(when: datetime) -> datetime:
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
