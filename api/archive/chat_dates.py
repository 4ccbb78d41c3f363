"""How SillyTavern dated messages over the years, read as an instant; what names no zone is taken as UTC.

1673181146000            milliseconds since the epoch, also as digits in a text
2023-5-8 @13h 56m 7s 123ms, 2024-07-12@01h31m37s123ms, 2024-7-12@01h31m37s
May 8, 2023 1:56pm
2025-10-02T12:13:14.123Z
"""

import re
from datetime import UTC, datetime
from typing import Final

from api.times import instant, is_ordinary

_DIGITS: Final = re.compile(r"\d{1,17}", re.ASCII)
_HUMANIZED: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s(?: ?(\d{1,3})ms)?", re.ASCII
)
_MERIDIEM: Final = "%B %d, %Y %I:%M%p"


def chat_date(value: object) -> datetime | None:
    """The instant in UTC; None for what is no date, or of a year out of the ordinary."""
    if isinstance(value, str):
        return _written(value.strip())
    return _from_milliseconds(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _written(text: str) -> datetime | None:
    if _DIGITS.fullmatch(text):
        return _from_milliseconds(int(text))
    try:
        if found := _HUMANIZED.fullmatch(text):
            year, month, day, hour, minute, second, thousandths = (int(part or 0) for part in found.groups())
            when = datetime(year, month, day, hour, minute, second, thousandths * 1000, tzinfo=UTC)
            return when if is_ordinary(when) else None
        return instant(datetime.strptime(text, _MERIDIEM).isoformat())
    except ValueError:
        return instant(text)


def _from_milliseconds(value: float) -> datetime | None:
    return instant(value / 1000)
