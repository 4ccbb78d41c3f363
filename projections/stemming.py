"""Words of a text as the lexical index counts them: lower case, without stop words, as stems of the text's language.

Pure. Scripts that put no spaces between words (and Korean, whose words carry their particles) are counted as pairs of
neighbouring characters. A text that does not tell its language is taken as English.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final, Protocol, cast

import snowballstemmer

from projections.languages import ENGLISH, LANGUAGES, content_words, language_of

_APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
_PAIRED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\U00020000-\U0003134f"
)
"""Thai, Lao, Burmese, Khmer, kana, Han, Hangul."""
_WORD = re.compile(rf"([{_PAIRED}]+)|((?:(?![{_PAIRED}])[^\W_])+(?:'[^\W_]+)*)")


@dataclass(frozen=True, slots=True)
class Stems:
    """The stems of a text's words in order, stop words left out, and its language ("" when it does not tell)."""

    language: str
    stems: list[str]


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's name


# The library's stemmers keep the word they work on in themselves, so they serve one thread at a time.
_stemming = Lock()


@lru_cache(maxsize=len(LANGUAGES))
def _stemmer(language: str) -> _Stemmer:
    return cast("_Stemmer", snowballstemmer.stemmer(language))  # pyright: ignore[reportUnknownMemberType] - untyped


@lru_cache(maxsize=100_000)
def stem(word: str, language: str = ENGLISH) -> str:
    """The stem of one word in lower case."""
    with _stemming:
        return _stemmer(language).stemWord(word)


def stems(text: str) -> Stems:
    """The stems of a text in its own language."""
    words, pairs = _split(text)
    language = language_of(words)
    return Stems(language, [*_stemmed(words, language), *pairs])


def stems_sought(text: str, languages: Iterable[str]) -> list[str]:
    """The stems of a query, each once: in its own language and in those of the texts that it is compared with."""
    words, pairs = _split(text)
    sought = dict.fromkeys([language_of(words) or ENGLISH, *(language or ENGLISH for language in languages)])
    return list(dict.fromkeys([*(stem for language in sought for stem in _stemmed(words, language)), *pairs]))


def _split(text: str) -> tuple[list[str], list[str]]:
    """Words, and pairs of characters where there are no words."""
    words: list[str] = []
    pairs: list[str] = []
    folded = unicodedata.normalize("NFKC", text).casefold().replace(_APOSTROPHE, "'")
    for run, word in _WORD.findall(folded):
        if word:
            words.append(word)
        else:
            pairs.extend(run[start : start + 2] for start in range(max(len(run) - 1, 1)))
    return words, pairs


def _stemmed(words: Iterable[str], language: str) -> list[str]:
    return [stem(word, language or ENGLISH) for word in content_words(words, language)]
