"""Texts to sequences of word pieces, none longer than the embedding model's window."""

import re
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

WINDOW: Final = 256
"""Word pieces of one sequence, [CLS] and [SEP] included: what the model was trained to see."""
MOST_PARTS: Final = 32
"""Sequences of one text: some 6,000 English words. What stands behind them has no vector; the lexical index has it."""

_ROOM = WINDOW - 2
# The tokenizer holds the interpreter's lock while it works: in slices of this length that is a few milliseconds.
_SLICE = re.compile(r"(?s).{1,4000}(?=\s|\Z)|.{1,4000}")


class WordPieces:
    """The model's own tokenizer, without its padding and truncation."""

    def __init__(self, file: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first, self._last = self._tokenizer.encode("").ids

    def split(self, text: str) -> list[list[int]]:
        """At least one sequence and at most MOST_PARTS, one after the other, none overlapping."""
        pieces = self._pieces(text)
        starts = range(0, max(len(pieces), 1), _ROOM)
        return [[self._first, *pieces[start : start + _ROOM], self._last] for start in starts]

    def _pieces(self, text: str) -> list[int]:
        sound = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no text to the tokenizer
        pieces: list[int] = []
        for piece in _SLICE.finditer(sound):
            pieces += self._tokenizer.encode(piece[0], add_special_tokens=False).ids
            if len(pieces) >= MOST_PARTS * _ROOM:
                break
        return pieces[: MOST_PARTS * _ROOM]
