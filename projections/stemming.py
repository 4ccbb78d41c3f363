"""Words of a text as the lexical index counts them: lower case, without stop words, as English (Porter 2) stems.

Pure. Other languages pass through almost unchanged, which still lets equal words meet.
"""

import re
from functools import lru_cache
from threading import Lock
from typing import Protocol, cast

import snowballstemmer

_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

_STOP_WORDS = """
    a about above after again against all am an and any are aren't as at be because been before being below between
    both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from
    further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself his
    how how's i i'd i'll i'm i've if in into is isn't it it's its itself just let's me more most mustn't my myself no
    nor not of off on once only or other ought our ours ourselves out over own same shan't she she'd she'll she's should
    shouldn't so some such than that that's the their theirs them themselves then there there's these they they'd
    they'll they're they've this those through to too under until up us very was wasn't we we'd we'll we're we've were
    weren't what what's when when's where where's which while who who's whom why why's will with won't would wouldn't
    you you'd you'll you're you've your yours yourself yourselves
"""

STOP_WORDS = frozenset(_STOP_WORDS.split())


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's name


# The library's stemmer keeps the word it works on in itself, so it serves one thread at a time.
_stemmer = cast("_Stemmer", snowballstemmer.stemmer("english"))  # pyright: ignore[reportUnknownMemberType] - untyped
_stemming = Lock()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of one word in lower case."""
    with _stemming:
        return _stemmer.stemWord(word)


def stems(text: str) -> list[str]:
    """The stems of a text's words in order, stop words left out."""
    words = _WORD.findall(text.casefold().replace(_APOSTROPHE, "'"))
    return [stem(word) for word in words if word not in STOP_WORDS]
