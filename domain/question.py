"""The query form of a text: what is embedded to seek memories with it."""

import re
from collections.abc import Iterable
from typing import Final

_ASKING_WORDS: Final = """
    who whom whose what which when where why how is are was were am be been do does did has have had will would can
    could shall should may might must many much often long old
"""
_ASKING: Final = frozenset(_ASKING_WORDS.split())


def query_form(text: str, names: Iterable[str]) -> str:
    """The text without the words a question begins with, and without the names of those who talk in the session.

    "When did Anna get the kitten?" seeks "get the kitten?": an answer has no "when did" in it. A named speaker pulls
    the embedding towards every message in which somebody is addressed by that name; who is meant is better matched by
    words. A text that is nothing but these stays as it is.
    """
    without = _without_beginning(_without_names(text, names))
    return without if re.search(r"\w", without) else text


def _without_names(text: str, names: Iterable[str]) -> str:
    known = sorted({word for name in names for word in (name, *name.split()[:1]) if word}, key=len, reverse=True)
    if not known:
        return text
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, known))})(?:['\u2019]s)?\b", re.IGNORECASE)
    return " ".join(named.sub(" ", text).split())


def _without_beginning(text: str) -> str:
    if not text.rstrip().endswith("?"):
        return text
    words = text.split()
    first = 0
    while first < len(words) and re.split(r"['\u2019]", words[first].lower())[0] in _ASKING:
        first += 1
    return " ".join(words[first:])
