"""A client's transcript against what we know: what of it is new, as operations on the session.

For now two rules, both read from the path's tail: what matches it is skipped, what follows is appended. A client that
sends only its newest message matches nothing and is appended whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.messages import Message
from domain.path import Splice
from domain.records import PathCause


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
