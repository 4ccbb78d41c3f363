"""A client's transcript against what we know: what of it is new, as operations on the session.

For now two rules, both read from the path's tail:

1. What matches the path from its tail is skipped. The path's last messages may have left the transcript (a swipe, a
   regeneration): then they leave the path as well, if at least two messages before them still match.
2. What follows in the transcript is appended. A client that sends only its newest message is appended whole.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from domain.messages import Message
from domain.path import Splice, splice
from domain.records import PathCause, TurnKind

LONGEST_CUT = 64
"""Messages that may leave the path's end at once. More is not a swipe, and is taken as a thin client's message."""


@dataclass(frozen=True, slots=True)
class Append:
    """A new message behind the path's end."""

    message: Message


@dataclass(frozen=True, slots=True)
class Edit:
    """A new text for a known message, in its place on the path if it stands there."""

    replaces: int
    text: str


@dataclass(frozen=True, slots=True)
class Rearrange:
    """Known messages leave the path, return to it or change places."""

    cause: PathCause
    splices: Sequence[Splice]


Operation = Append | Edit | Rearrange


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The end of the path as the transcript is compared with it: versions and their keys, oldest first.

    `before` is the number of messages of the path that stand before them.
    """

    versions: Sequence[int]
    keys: Sequence[str]
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What a transcript means: the kind of turn it asks for, the operations that bring the path in step with it, and
    for each of its messages the version it matched (None for the new ones, which are appended in order)."""

    kind: TurnKind
    operations: list[Operation]
    matched: list[int | None]


@lru_cache(maxsize=32_768)
def key(role: str, text: str) -> str:
    """What two equal messages have in common: role, and text in NFC with white space and case folded.

    Cached by raw text: normalising a long transcript costs more than aligning it.
    """
    return f"{role}\n{' '.join(unicodedata.normalize('NFC', text).split()).casefold()}"


def reconcile(transcript: Sequence[Message], known: Known) -> Reconciliation:
    """Place the transcript's dialogue on the path. Never removes anything of which less than two messages match."""
    keys = [key(message.role, message.text) for message in transcript]
    taken, kept = _place(keys, known.keys)
    new = transcript[taken:]
    operations: list[Operation] = []
    if kept < len(known.versions):
        operations.append(Rearrange("swipe", [splice(known.before + kept, known.versions[kept:], [])]))
    operations.extend(Append(message) for message in new)
    overlap = min(taken, kept)
    matched: list[int | None] = [None] * (taken - overlap)
    matched.extend(known.versions[kept - overlap : kept])
    matched.extend([None] * len(new))
    return Reconciliation(kind=_kind(transcript, new), operations=operations, matched=matched)


def _place(incoming: Sequence[str], path: Sequence[str]) -> tuple[int, int]:
    """How much of the transcript is known, and how much of the known path stays.

    The most of the path stays, then the most of the transcript is taken, such that both end alike as far as both reach.
    Linear but for the cut: a transcript that repeats itself must not cost the square of its length.
    """
    shortest = max(1, len(path) - LONGEST_CUT)
    forward, backward = _agreement(path, incoming), _agreement(incoming, path)
    whole = [at for at, agreeing in enumerate(forward) if agreeing >= shortest][::-1]
    partial = [at for at, agreeing in enumerate(backward) if at + agreeing >= shortest]
    for kept in range(len(path), shortest - 1, -1):
        taken = next((at + kept for at in whole if forward[at] >= kept), 0)
        taken = taken or next((kept - at for at in partial if 0 < kept - at <= backward[at]), 0)
        if min(taken, kept) >= (2 if kept < len(path) else 1):
            return taken, kept
    return 0, len(path)


def _agreement(beginning: Sequence[str], text: Sequence[str]) -> list[int]:
    """For each place of the text, for how long it reads there as `beginning` does (the Z algorithm, linear)."""
    joined = [*beginning, "", *text]
    agreement = [0] * len(joined)
    start = end = 0
    for at in [at for at in range(1, len(joined)) if joined[at] == joined[0]]:
        length = min(agreement[at - start], end - at) if at < end else 0
        while at + length < len(joined) and joined[length] == joined[at + length]:
            length += 1
        agreement[at] = length
        if at + length > end:
            start, end = at, at + length
    return agreement[len(beginning) + 1 :]


def _kind(transcript: Sequence[Message], new: Sequence[Message]) -> TurnKind:
    if new:
        return "new" if new[-1].role != "assistant" else "empty"
    return "regenerate" if transcript and transcript[-1].role != "assistant" else "empty"
