"""The one place where a decision is tried again because somebody else appended first."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from domain.errors import VersionConflict

T = TypeVar("T")

ATTEMPTS: Final = 3


async def decided(attempt: Callable[[], Awaitable[T]]) -> T:
    """Run `attempt`, which loads, decides and appends; again on VersionConflict, three times in all.

    The aggregate of a failed attempt is thrown away: each attempt loads its own.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except VersionConflict:
            continue
    return await attempt()
