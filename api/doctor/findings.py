"""What an examination finds of one part of a Heartline: that it is well, or what is wrong and how to mend it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "wrong", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`mend` says what to do, and is there exactly where something is wrong."""

    check: str
    state: State
    found: str
    mend: str | None = None


def counted(number: int, noun: str) -> str:
    """ "1 session", "2 sessions"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def ok(check: str, found: str) -> Finding:
    """A part that is well."""
    return Finding(check=check, state="ok", found=found)


def wrong(check: str, found: str, mend: str) -> Finding:
    """A part that is not."""
    return Finding(check=check, state="wrong", found=found, mend=mend)


def unchecked(check: str, why: str) -> Finding:
    """A part that nothing can be said of, because of another that is wrong."""
    return Finding(check=check, state="unchecked", found=why)
