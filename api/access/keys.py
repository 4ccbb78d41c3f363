"""API keys: whose they are, and how they are written down. No input or output.

    HEARTLINE_API_KEYS   mira:KEY, KEY, bob:sha256:DIGEST      a key without an owner is `local`'s
    the key file         mira sha256:DIGEST 2026-11-28T00:20:00+00:00

Kept is a key's SHA-256 only. That is enough for keys that a machine made: they are too long to be guessed from it.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

LOCAL: Final = "local"
"""Whom everything belongs to where there are no keys, and whoever comes with a key that names no owner."""

_OWNER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_KEY: Final = re.compile(r"[!-~]{1,512}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_HASHED: Final = "sha256:"
_ID_LENGTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key: its owner and the hexadecimal SHA-256 of its text. `made` is when, in ISO 8601, if that is known."""

    owner: str
    digest: str
    made: str = ""

    @property
    def id(self) -> str:
        """What a key is called by where its text is not known."""
        return self.digest[:_ID_LENGTH]

    def line(self) -> str:
        """As it stands in a key file."""
        return f"{self.owner} {_HASHED}{self.digest} {self.made}".rstrip()


def new_key() -> str:
    """A key that nobody can guess."""
    return f"hl-{secrets.token_urlsafe(32)}"


def owned(owner: str, key: str, made: str = "") -> ApiKey:
    """What is kept of a key. Raises ValueError for an owner's name or a key that cannot be one."""
    if not _OWNER.fullmatch(owner):
        raise ValueError("an owner's name has up to 64 letters, digits and ._@-, and begins with a letter or digit")
    if not _KEY.fullmatch(key):
        raise ValueError("a key has 1 to 512 printable ASCII characters without blanks")
    if not key.startswith(_HASHED):
        return ApiKey(owner=owner, digest=_digest(key), made=made)
    digest = key.removeprefix(_HASHED).lower()
    if not _DIGEST.fullmatch(digest):
        raise ValueError("sha256: must be followed by 64 hexadecimal digits")
    return ApiKey(owner=owner, digest=digest, made=made)


def inline_keys(text: str) -> tuple[ApiKey, ...]:
    """Keys separated by commas. Raises ValueError, whose words never hold a key."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    return _distinct(owned(*_split(entry)) for entry in entries)


def file_keys(text: str) -> tuple[ApiKey, ...]:
    """Keys of a key file; empty lines and those that begin with # are none. Raises ValueError that names the line."""
    found: list[ApiKey] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not (words := line.split()) or words[0].startswith("#"):
            continue
        if len(words) < 2 or not words[1].startswith(_HASHED):
            raise ValueError(f"line {number} is not: owner, sha256:DIGEST, when it was made")
        try:
            found.append(owned(words[0], words[1], " ".join(words[2:3])))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return _distinct(found)


def owner_of(keys: Sequence[ApiKey], presented: str) -> str | None:
    """Whose key it is. Takes as long for a wrong key as for a right one."""
    digest, found = _digest(presented), None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key.owner
    return found


def _split(entry: str) -> tuple[str, str]:
    if entry.startswith(_HASHED) or ":" not in entry:
        return LOCAL, entry
    owner, _, key = entry.partition(":")
    return owner, key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _distinct(keys: Iterable[ApiKey]) -> tuple[ApiKey, ...]:
    owners: dict[str, ApiKey] = {}
    for key in keys:
        if owners.setdefault(key.digest, key).owner != key.owner:
            raise ValueError(f"the same key is given to {owners[key.digest].owner} and to {key.owner}")
    return tuple(owners.values())
