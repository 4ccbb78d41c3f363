"""Prompts that a client's post-processing folded: instructions inside user turns, or a whole chat in one message."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

_BREAK: Final = "\n\n"

TELLING: Final = 20
"""Characters that a text must have to be known by it alone: a reply inside a longer text, an instruction that came as
what a user says."""


def paragraphs(texts: Iterable[str]) -> list[str]:
    """The paragraphs of the texts."""
    return [part for text in texts for part in text.split(_BREAK) if part.strip()]


def unfolded(text: str, is_known: Callable[[str], bool]) -> str:
    """The text without the paragraphs that are known to be instructions."""
    parts = text.split(_BREAK)
    kept = [part for part in parts if not part.strip() or not is_known(part)]
    return _BREAK.join(kept).strip() if len(kept) < len(parts) else text


def remainder(longer: str, shorter: str) -> str | None:
    """The paragraphs behind `shorter` in a text that begins with it."""
    head, rest = shorter.strip() + _BREAK, longer.strip()
    return rest[len(head) :] if rest.startswith(head) else None


def found_last(text: str, replies: Sequence[str]) -> tuple[int, str] | None:
    """Which of these replies, the first that does, stands inside the text, and what follows it there."""
    for place, reply in enumerate(replies):
        words = reply.split()
        # The last is asked because a pattern costs milliseconds to compile, and mostly a short message is asked about.
        if len(reply) < TELLING or not words or len(" ".join(words)) > len(text):
            continue
        found = list(re.finditer(r"\s+".join(map(re.escape, words)), text, re.IGNORECASE))
        if found:
            return place, text[found[-1].end() :].strip()
    return None
