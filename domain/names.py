"""Names before messages: `Mira: Sit down.` Cut only for names that were seen; any other word with a colon is text."""

import re
from collections.abc import Callable, Iterable
from typing import Final

_PREFIX: Final = re.compile(r"\s*([^\W_][^:\n]{0,39}?)\s*:\s*(?=\S)")


def parted(text: str) -> tuple[str, str] | None:
    """What may be a name before the text, and the text behind it."""
    if ":" not in text:
        return None
    found = _PREFIX.match(text)
    return (found[1], text[found.end() :]) if found else None


def cut(text: str, is_name: Callable[[str], bool]) -> tuple[str | None, str]:
    """The name before the text, if there is one, and the text without it."""
    parts = parted(text)
    return parts if parts is not None and is_name(parts[0]) else (None, text)


def stands_in(name: str, texts: Iterable[str]) -> bool:
    """Whether the word, written as a name is, stands in one of the texts and is not put before something there."""
    if name[:1] == name[:1].lower():
        return False
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w|:)")
    return any(word.search(text) for text in texts)


def first_named(names: Iterable[str], text: str) -> str | None:
    """The name that stands first in the text."""
    places = {name: found.start() for name in names if (found := re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text))}
    return min(places, key=lambda name: places[name]) if places else None
