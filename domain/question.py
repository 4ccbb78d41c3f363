"""The query form of a text: what is embedded to seek memories with it."""

import re
from collections.abc import Iterable


def query_form(text: str, names: Iterable[str]) -> str:
    """The text without the names of those who talk in the session (and a name's 's).

    A named speaker pulls the embedding towards every message in which somebody is addressed by that name; who is meant
    is better matched by words. A text that is nothing but names stays as it is.
    """
    known = sorted({name for name in names if name.strip()}, key=len, reverse=True)
    if not known:
        return text
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, known))})(?:['\u2019]s)?\b", re.IGNORECASE)
    without = " ".join(named.sub(" ", text).split())
    return without if re.search(r"\w", without) else text
