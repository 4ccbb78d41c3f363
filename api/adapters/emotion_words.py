"""Texts to the words, word pairs and signs that the emotion head counts.

    text -> without code and links -> tokens (words, emoji, emoticons, runs of ! and ?) -> features, negated ones marked

Pure and bounded: of a long text only its beginning and its end are read, where its feeling lies.
"""

import re
from collections import Counter
from typing import Final

from api.adapters.emotion_lexicon import HINTS, SIGNS

BEGINNING: Final = 1500
END: Final = 500
"""Characters of a long text that are read: its beginning and its end."""

SHORT: Final = 500
"""Characters of a text that one marker of sarcasm can turn as a whole."""

NEGATION_REACH: Final = 3

_NOISE: Final = re.compile(
    r"(?s)```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|<[a-zA-Z/][^<>\n]{0,200}>|\[(?:NAME|RELIGION)\]"
)
_TOKEN: Final = re.compile(
    r"(?P<face><3|</3|[:;=]'?-?[)(DPpOo/|\\\[\]*]+(?!\w)|\b[xX]D+\b|\^_+\^|\bT_+T\b|;_+;)"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)"
    r"|(?P<emoji>[\U0001F300-\U0001FAFF\u2600-\u27BF])"
    r"|(?P<mark>[!?]+|\.{2,}|\N{HORIZONTAL ELLIPSIS})"
    r"|(?P<stop>[.,;:\n])"
)
_NEGATIONS: Final = frozenset((
    "no", "not", "never", "nor", "neither", "nobody", "nothing", "hardly", "without", "cannot", "isnt", "wasnt", "dont",
    "doesnt", "didnt", "cant", "couldnt", "wont", "wouldnt",
))  # fmt: skip
_SAID: Final = re.compile(r"^(?!=sign:).*[^\W\d_]")
_SARCASM: Final = re.compile(
    r"(?i)(?:^|\s)/s\s*$"
    r"|^\W*(?:oh|well|wow),? (?:great|joy|wonderful|perfect|fantastic|brilliant|lovely)\b(?! to\b)"
    r"|\byeah,? right\b|\bthanks (?:a lot )?for nothing\b|\bjust what (?:i|we) needed\b|\bjust (?:great|perfect)\b"
    r"|\b(?:how|so) (?:nice|lovely|kind|glad)\b.{0,30}\b(?:again|bothered)\b"
)
_DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")
_APOSTROPHES: Final = str.maketrans({"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{LEFT SINGLE QUOTATION MARK}": "'"})


def features(text: str) -> list[str]:
    """The features in the order of the text, as often as they occur."""
    found: list[str] = []
    before = "^"
    reach = words = shouted = 0
    for match in _TOKEN.finditer(_plain(text)):
        token = match.group()
        if match.lastgroup != "word":
            found += _sign(match.lastgroup, token)
            reach = reach if match.lastgroup in ("emoji", "face") else 0
            continue
        words += 1
        shouted += token.isupper() and len(token) > 1
        word = token.lower()
        found += (word, f"{before} {word}")
        if hint := HINTS.get(word):
            found.append(f"=not:{hint}" if reach else f"={hint}")
        if reach:
            found.append(f"not:{word}")
            reach -= 1
        if word in _NEGATIONS or word.endswith("n't"):
            found.append("=not")
            reach = NEGATION_REACH
        before = word
    return [*found, "=caps"] if words > 1 and shouted * 2 > words else found


def is_sarcastic(text: str) -> bool:
    """Whether one of the usual markers says that praise is not meant: `/s`, "oh great, …", "yeah right"."""
    return len(text) <= SHORT and _SARCASM.search(text) is not None


def signs_only(counts: Counter[str]) -> Counter[str]:
    """Without the words: what is left of a text in a language that is not understood."""
    return Counter({feature: count for feature, count in counts.items() if not _SAID.search(feature)})


def _sign(kind: str | None, token: str) -> list[str]:
    if kind == "stop":
        return []
    if kind == "mark":
        return [".." if token[0] == "\N{HORIZONTAL ELLIPSIS}" else token[:2]]
    hint = SIGNS.get(token)
    return [token, f"=sign:{hint}"] if hint else [token]


def _plain(text: str) -> str:
    """Without noise, with the typewriter's apostrophe, and sooo said as soo."""
    return _DRAWN_OUT.sub(r"\1\1", _NOISE.sub(" ", _bounded(text)).translate(_APOSTROPHES))


def _bounded(text: str) -> str:
    return text if len(text) <= BEGINNING + END else f"{text[:BEGINNING]}\n{text[-END:]}"
