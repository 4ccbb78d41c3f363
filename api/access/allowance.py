"""How much an owner may ask: requests a minute and a language model's tokens a day. Two keys of one owner share it."""

from dataclasses import dataclass
from typing import Literal, Protocol

Counted = Literal["requests", "tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """One limit now. `reset` is in how many seconds more comes back (requests) or all of it does (tokens)."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an owner stands; None is what has no limit. `spent` names the limit that stands in the way, if one does."""

    requests: Quota | None = None
    tokens: Quota | None = None
    spent: Counted | None = None


class Allowance(Protocol):
    """Counts by owner. That it cannot count (its store is away) never stops a request; `failure` says so."""

    @property
    def failure(self) -> str | None:
        """Why counts are not shared with other processes just now; None when all is well."""
        ...

    async def probe(self) -> None:
        """See whether counts can be shared now, which `failure` then says. Takes a moment, raises nothing."""
        ...

    async def admit(self, owner: str) -> Standing:
        """Count one request of the owner, unless a limit stands in its way."""
        ...

    async def spend(self, owner: str, tokens: int) -> None:
        """Count tokens that a reply took, its context included."""
        ...

    async def close(self) -> None: ...


class Unlimited:
    """No limits at all."""

    failure = None

    async def probe(self) -> None:
        return

    async def admit(self, owner: str) -> Standing:
        del owner
        return Standing()

    async def spend(self, owner: str, tokens: int) -> None:
        del owner, tokens

    async def close(self) -> None:
        return
