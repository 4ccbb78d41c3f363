"""Domain events to rows and back: the payload is JSON of the event's own fields, the envelope stays in columns.

    payload   orjson of the event's own fields, and `class_version` when it is above 1
    plain     16 random bytes of salt + payload; its sha256 is the event's digest
    state     plain, sealed with the session's key (by default not at all)

Old forms are upcast on reading, as the library does it. Must not decide anything about order: the recorders do.
"""

import os
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast
from uuid import UUID

import orjson
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent, Transcoder
from eventsourcing.utils import TopicError, get_topic, resolve_topic

from api.adapters.hash_chain import SealedEvent, digest_of
from domain.errors import InvalidRequest
from domain.events import ENVELOPE, SessionForked

SALT_BYTES: Final = 16

# What a row raises whose topic nobody knows, whose payload or date is not what was written, or that cannot be upcast.
_DAMAGE: Final = (TopicError, ValueError, LookupError, TypeError, AttributeError)


class OrjsonTranscoder(Transcoder):
    """JSON with orjson: only what JSON knows, nothing tagged, nothing converted."""

    def encode(self, obj: Any) -> bytes:
        return orjson.dumps(obj)

    def decode(self, data: bytes) -> Any:
        return orjson.loads(data)


class SessionKeys(Protocol):
    """Seals what is stored of a session with a key of its own, so that losing the key is forgetting the session."""

    def seal(self, session: UUID, version: int, topic: str, plain: bytes) -> bytes:
        """What to store. Version and topic are bound to it: it opens nowhere else."""
        ...

    def open(self, session: UUID, version: int, topic: str, state: bytes) -> bytes:
        """What was sealed."""
        ...


class PlainKeys:
    """Seals nothing: states are stored as they are."""

    def seal(self, session: UUID, version: int, topic: str, plain: bytes) -> bytes:
        """The plaintext itself."""
        return plain

    def open(self, session: UUID, version: int, topic: str, state: bytes) -> bytes:
        """The state itself."""
        return state


class EventMapper(Mapper[UUID]):
    """Maps events and snapshots of sessions. Raises InvalidRequest for what JSON cannot carry (a lone surrogate)."""

    def __init__(self, keys: SessionKeys | None = None) -> None:
        super().__init__(OrjsonTranscoder())
        self._keys = keys or PlainKeys()

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> SealedEvent:
        """The row of an event, sealed; each call draws another salt."""
        cls = type(domain_event)
        session, version, topic = domain_event.originator_id, domain_event.originator_version, get_topic(cls)
        timestamp = cast("datetime | None", getattr(domain_event, "timestamp", None))
        plain = os.urandom(SALT_BYTES) + self._payload(domain_event)
        return SealedEvent(
            originator_id=session,
            originator_version=version,
            topic=topic,
            state=self._keys.seal(session, version, topic, plain),
            created=timestamp.astimezone(UTC).isoformat(timespec="microseconds") if timestamp else "",
            digest=digest_of(plain),
            continues=(UUID(domain_event.parent), domain_event.at) if isinstance(domain_event, SessionForked) else None,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The event of a row, in its class's present form.

        Raises MapperDeserialisationError for an unknown topic, a payload that is no JSON object or cannot be upcast.
        """
        try:
            cls = resolve_topic(stored_event.topic)
            state: dict[str, Any] = self.transcoder.decode(self.plain(stored_event)[SALT_BYTES:])
            _upcast(cls, state)
            state = _envelope(stored_event) | state
        except _DAMAGE as error:
            place = f"{stored_event.topic} in {stored_event.originator_id} version {stored_event.originator_version}"
            raise MapperDeserialisationError(f"{place} cannot be read: {type(error).__name__}.") from error
        event = object.__new__(cls)
        object.__setattr__(event, "__dict__", state)
        return event

    def plain(self, stored: StoredEvent) -> bytes:
        """Salt and payload of a row in plaintext: what the digest is of."""
        session = cast("UUID", stored.originator_id)
        return self._keys.open(session, stored.originator_version, stored.topic, stored.state)

    def _payload(self, domain_event: DomainEventProtocol[UUID]) -> bytes:
        own = {name: value for name, value in vars(domain_event).items() if name not in ENVELOPE}
        class_version: int = getattr(type(domain_event), "class_version", 1)
        if class_version > 1:
            own["class_version"] = class_version
        try:
            return self.transcoder.encode(own)
        except orjson.JSONEncodeError as error:
            raise InvalidRequest(f"This cannot be stored as JSON: {error}.") from error


def _envelope(stored: StoredEvent) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "originator_id": stored.originator_id,
        "originator_version": stored.originator_version,
    }
    if isinstance(stored, SealedEvent) and stored.created:
        envelope["timestamp"] = datetime.fromisoformat(stored.created)
    return envelope


def _upcast(cls: type, state: dict[str, Any]) -> None:
    stored_form: int = state.pop("class_version", 1)
    for form in range(stored_form, getattr(cls, "class_version", 1)):
        getattr(cls, f"upcast_v{form}_v{form + 1}")(state)
