"""Who may come in: the owner behind a key."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from api.access.keys import LOCAL, ApiKey, owner_of
from api.access.refusals import Unauthorized


class Owners(Protocol):
    """Tells a request's owner by its key."""

    @property
    def keyless(self) -> bool:
        """Whether everybody is let in."""
        ...

    def of(self, key: str | None) -> str:
        """Raises Unauthorized for no key (None or empty) and for one that nobody has."""
        ...


class Everybody:
    """Where there are no keys: all is `local`'s, whatever a client sends for a key."""

    keyless = True

    def of(self, key: str | None) -> str:
        del key
        return LOCAL


class Keys(Protocol):
    """Where keys come from."""

    def current(self) -> Sequence[ApiKey]: ...


@dataclass(slots=True, kw_only=True)
class KeyHolders:
    """Whoever has a key. Once there was one it stays closed to all others, even when the last key is taken away;
    before that it lets everybody in, unless it is `closed` from the beginning."""

    inline: Sequence[ApiKey]
    file: Keys
    closed: bool
    _everybody: Everybody = field(default_factory=Everybody)

    @property
    def keyless(self) -> bool:
        self._now()
        return not self.closed

    def of(self, key: str | None) -> str:
        keys = self._now()
        if not self.closed:
            return self._everybody.of(key)
        if not key:
            raise Unauthorized("You did not provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.")
        if (owner := owner_of(keys, key)) is None:
            raise Unauthorized("Incorrect API key provided.")
        return owner

    def _now(self) -> Sequence[ApiKey]:
        keys = (*self.inline, *self.file.current())
        self.closed = self.closed or bool(keys)
        return keys
