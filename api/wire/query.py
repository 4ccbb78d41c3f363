"""Query parameters, read by hand: wrong ones are OpenAI's 400 and say which."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from domain.errors import InvalidRequest

PAGE: Final = 100
LONGEST_PAGE: Final = 1000
MONTH: Final = 30
YEAR: Final = 366
LAST_SEEN: Final = "Last-Event-ID"
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def version(query: Mapping[str, str], name: str = "at") -> int | None:
    """A version, None when it is not given. Raises InvalidRequest for what is not a number from 1 on."""
    return _number(query, name, least=1) if name in query else None


def after(query: Mapping[str, str]) -> int:
    """The version behind which a page begins, 0 when it is not given."""
    return _number(query, "after", least=0) if "after" in query else 0


def resumed(query: Mapping[str, str], headers: Mapping[str, str]) -> int:
    """The version behind which events go on: `after`, or the last one a client saw, which browsers send as
    `Last-Event-ID` when they come back to the address that they had."""
    return _number(headers, LAST_SEEN, least=0) if LAST_SEEN in headers else after(query)


def offset(query: Mapping[str, str]) -> int:
    """How many entries stand before a page, 0 when it is not given."""
    return _number(query, "offset", least=0) if "offset" in query else 0


def limit(query: Mapping[str, str]) -> int:
    """How many entries a page has at most."""
    if "limit" not in query:
        return PAGE
    number = _number(query, "limit", least=1)
    if number > LONGEST_PAGE:
        raise InvalidRequest(f"limit must not exceed {LONGEST_PAGE}.", param="limit")
    return number


def days(query: Mapping[str, str]) -> int:
    """How many days back, 30 when it is not given, a year at most."""
    if "days" not in query:
        return MONTH
    number = _number(query, "days", least=1)
    if number > YEAR:
        raise InvalidRequest(f"days must not exceed {YEAR}.", param="days")
    return number


def text(query: Mapping[str, str], name: str) -> str | None:
    """A text, None when it is not given or empty. Raises InvalidRequest for one with a NUL in it."""
    given = query.get(name, "").strip()
    if "\0" in given:
        raise InvalidRequest("NUL characters are not allowed in texts.", param=name)
    return given or None


def flag(query: Mapping[str, str], name: str) -> bool:
    """False when it is not given. Raises InvalidRequest for what is not true or false."""
    match query.get(name, "false").lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise InvalidRequest(f"{name} must be true or false.", param=name)


def choice(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """One of the words, the first when none is given. Raises InvalidRequest for another."""
    word = query.get(name, choices[0])
    if word not in choices:
        raise InvalidRequest(f"{name} must be {' or '.join(choices)}.", param=name)
    return word


def _number(query: Mapping[str, str], name: str, *, least: int) -> int:
    text = query[name]
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise InvalidRequest(f"{name} must be a whole number from {least} on.", param=name)
    return int(text)
