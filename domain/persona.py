"""Chunks of long instructions: what recall can bring back of a persona or lore that is absent from a request."""

import re
from dataclasses import dataclass

CHUNK_CHARACTERS = 200
OVERLAP_CHARACTERS = 50

_SENTENCE_END = re.compile(r"[.!?…](?:[\"'\u201d\u2019)\]]*)(?=\s)|\n")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The characters `start` to `end` of a text."""

    start: int
    end: int


def chunks(text: str) -> list[Chunk]:
    """Overlapping pieces of at most 200 characters that cover the text, ending on sentence ends where possible."""
    pieces: list[Chunk] = []
    start = 0
    while start < len(text):
        end = _end_of(text, start)
        pieces.append(Chunk(start, end))
        if end == len(text):
            break
        start = _start_after(text, start, end)
    return pieces


def _end_of(text: str, start: int) -> int:
    """The last sentence end in the second half of the window, else the last blank, else the window's end."""
    limit = start + CHUNK_CHARACTERS
    if limit >= len(text):
        return len(text)
    half = start + CHUNK_CHARACTERS // 2
    ends = [match.end() for match in _SENTENCE_END.finditer(text, half, limit + 1) if match.end() <= limit]
    if ends:
        return ends[-1]
    blank = text.rfind(" ", half, limit)
    return blank + 1 if blank >= 0 else limit


def _start_after(text: str, start: int, end: int) -> int:
    """The next start: the overlap before `end`, moved on to a word's beginning if that leaves an overlap."""
    wanted = max(start + 1, end - OVERLAP_CHARACTERS)
    blank = text.find(" ", wanted, end - 1)
    return blank + 1 if blank >= 0 else wanted
