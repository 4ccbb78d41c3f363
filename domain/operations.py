"""What reconciliation asks of a session, in the order in which it is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.messages import Message
from domain.path import Splice
from domain.records import PathCause


@dataclass(frozen=True, slots=True)
class Append:
    """A new message behind the path's end; a backfilled one is known from then on, and not in view."""

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


@dataclass(frozen=True, slots=True)
class Settle:
    """The path becomes this one, in one change: of known messages by version, of edits, and of messages that are new,
    which count as backfilled."""

    cause: PathCause
    path: Sequence["int | Edit | Message"]


Operation = Append | Edit | Rearrange | Settle
