"""Events that come from outside (an export), made of plain JSON by the mapper that reads the log.

What the log stores was checked when it was made; what comes from outside is checked here: the type must be one of ours,
and the data must have the fields and types of the event's present form. What it refers to, `inspection.py` checks.
"""

from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Final,
    Literal,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import orjson
from eventsourcing.persistence import StoredEvent

from api.adapters.event_mapper import ENVELOPE, SALT_BYTES, EventMapper
from api.adapters.hash_chain import SealedEvent
from api.archive.exports import EventFacts
from domain import events
from domain.errors import InvalidRequest
from domain.events import SessionEvent

LARGEST: Final = 2**63 - 1
"""What a column of the views can hold."""

KINDS: Final[dict[str, type[SessionEvent]]] = {
    kind.TOPIC: kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, SessionEvent) and "TOPIC" in vars(kind)
}
"""Events by topic. A topic from outside is never resolved: the library would import what it names."""


class MappedForeignEvents:
    """Implements `api.archive.exports.ForeignEvents`."""

    def __init__(self) -> None:
        self._mapper = EventMapper()

    def event(self, facts: EventFacts) -> SessionEvent:
        """The event, upcast. Raises InvalidRequest."""
        kind = KINDS.get(facts.type)
        if kind is None:
            raise InvalidRequest(f"there is no event of type '{facts.type[:60]}'.")
        form = facts.data.get("class_version", 1)
        if not isinstance(form, int) or not 1 <= form <= kind.class_version:
            raise InvalidRequest(f"'{facts.type}' is of a form that this Heartline does not know.")
        event = cast("SessionEvent", self._mapper.to_domain_event(_stored(facts)))
        _check(kind, {name: value for name, value in vars(event).items() if name not in ENVELOPE})
        return event


def _stored(facts: EventFacts) -> StoredEvent:
    """The row that the log would have for it."""
    own = {name: value for name, value in facts.data.items() if name not in ENVELOPE}
    try:
        payload = orjson.dumps(own)
    except orjson.JSONEncodeError as error:
        raise InvalidRequest(f"this cannot be stored as JSON: {error}.") from error
    return SealedEvent(
        originator_id=facts.session,
        originator_version=facts.version,
        topic=facts.type,
        state=bytes(SALT_BYTES) + payload,
        created=facts.created.astimezone(UTC).isoformat(timespec="microseconds"),
        digest=b"",
    )


def _check(kind: type[SessionEvent], data: Mapping[str, object]) -> None:
    fields = _fields(kind)
    if data.keys() != fields.keys():
        odd = sorted(data.keys() ^ fields.keys())
        raise InvalidRequest(f"'{kind.TOPIC}' has other fields: {', '.join(odd)[:200]}.")
    for name, value in data.items():
        if not fits(value, fields[name]):
            raise InvalidRequest(f"'{kind.TOPIC}' has a wrong value for {name}.")


def fits(value: object, hint: Any) -> bool:
    """Whether a value that came from JSON is what the annotation says."""
    if is_typeddict(hint):
        return _fits_record(value, hint)
    match get_origin(hint):
        case None:
            return _fits_plain(value, hint)
        case origin if origin is Literal:
            return isinstance(value, str) and value in get_args(hint)
        case origin if origin in (Union, UnionType):
            return any(fits(value, one) for one in get_args(hint))
        case origin if issubclass(origin, Mapping):
            inner = get_args(hint)[1]
            return isinstance(value, dict) and all(
                fits(one, inner) for one in cast("dict[str, object]", value).values()
            )
        case _:
            inner = get_args(hint)[0]
            return isinstance(value, list) and all(fits(one, inner) for one in cast("list[object]", value))


def _fits_plain(value: object, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint in (None, NoneType):
        return value is None
    if hint is int:
        return type(value) is int and abs(value) <= LARGEST
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def _fits_record(value: object, hint: Any) -> bool:
    if not isinstance(value, dict):
        return False
    record, fields = cast("dict[str, object]", value), _fields(hint)
    return (
        hint.__required_keys__ <= record.keys()
        and record.keys() <= fields.keys()
        and all(fits(one, fields[name]) for name, one in record.items())
    )


@lru_cache
def _fields(kind: type) -> dict[str, Any]:
    """The annotations of an event's own fields, or of a record's. JSON within JSON is whatever it is."""
    hints = get_type_hints(kind, localns={"Json": Any})
    return {name: hint for name, hint in hints.items() if name not in ENVELOPE and get_origin(hint) is not ClassVar}
