"""The hash chain that makes the log tamper-evident: each event's link covers everything before it in its session.

    genesis = sha256(originator id)
    link    = sha256(previous link, version, topic, created, digest)        digest = sha256(salt + payload)

All of it is on plaintext, so a chain outlives a change of keys; the salt keeps a digest from confirming a guessed text.
A fork's first link continues its parent's at the version forked at. Must not touch a database: every log links alike.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from api.verification import Damage, Fault


@dataclass(frozen=True)
class SealedEvent(StoredEvent):
    """A stored event with the rest of its envelope and what the chain needs.

    `created` is ISO 8601 in UTC with microseconds. `continues` names the session and version whose chain a fork's first
    event goes on with; it is known when writing and not read back.
    """

    created: str
    digest: bytes
    continues: tuple[UUID, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A stored event in its place: its position in the whole log and the link of its session's chain after it."""

    position: int
    chain: bytes
    stored: SealedEvent


def digest_of(plain: bytes) -> bytes:
    """The digest of a salted payload."""
    return hashlib.sha256(plain).digest()


def genesis(originator_id: UUID | str) -> bytes:
    """What the first link of a session that continues no other follows on."""
    return hashlib.sha256(hex_of(originator_id).encode()).digest()


def link(previous: bytes, stored: SealedEvent) -> bytes:
    """The link of an event. Digests have a fixed length and the texts no line ends, so no two inputs look alike."""
    envelope = f"{stored.originator_version}\n{stored.topic}\n{stored.created}\n".encode()
    return hashlib.sha256(previous + envelope + stored.digest).digest()


def sealed(stored: StoredEvent) -> SealedEvent:
    """The event itself, or a plain one (of the library's own) with an empty date and the digest of its state."""
    if isinstance(stored, SealedEvent):
        return stored
    return SealedEvent(
        originator_id=stored.originator_id,
        originator_version=stored.originator_version,
        topic=stored.topic,
        state=stored.state,
        created="",
        digest=digest_of(stored.state),
    )


def hex_of(originator_id: UUID | str) -> str:
    """An id as it is written in columns."""
    return originator_id.hex if isinstance(originator_id, UUID) else originator_id


def walk(
    previous: bytes, entries: Iterable[tuple[Entry, bytes]], *, version: int
) -> tuple[dict[str, int], Fault | None]:
    """The links (hex) that hold, each with its version, and the first event that is not what was written.

    `previous` is the link before the first entry, `version` the one that it has; each entry comes with its salted
    payload in plaintext.
    """
    links: dict[str, int] = {}
    position = 0
    for entry, plain in entries:
        version += 1
        previous = link(previous, entry.stored)
        damage = _damage(entry, plain, expected=(version, previous), after=position)
        if damage is not None:
            return links, Fault(version=version, damage=damage)
        links[previous.hex()] = version
        position = entry.position
    return links, None


def _damage(entry: Entry, plain: bytes, *, expected: tuple[int, bytes], after: int) -> Damage | None:
    version, chain = expected
    if entry.stored.originator_version > version:
        return "missing"
    if digest_of(plain) != entry.stored.digest:
        return "changed"
    if entry.stored.originator_version < version or entry.chain != chain or entry.position <= after:
        return "misplaced"
    return None
