"""Snapshots of sessions: what loading need not replay again. A cache, never the truth.

A snapshot's topic carries a fingerprint of what a Session is made of. One of another form is not found (recorders
select by topic), so replay takes its place and no snapshot ever has to be upcast. It holds versions, digests and names,
no text.
"""

import hashlib
from array import array
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Final, Self, cast
from uuid import UUID

from eventsourcing.utils import register_topic

from domain.path import from_ranges, to_ranges
from domain.session import Session
from domain.turn import OpenTurn

FORM: Final = 1  # raise it when an attribute of Session keeps its name and changes its meaning


def attributes_of_session() -> set[str]:
    """The names of what a Session is made of, beside what the library gives it."""
    own = [cls for cls in Session.__mro__ if cls.__module__.startswith("domain.")]
    return {name for cls in own for name in vars(cls).get("__annotations__", {})}


def _fingerprint() -> str:
    parts = [str(FORM), *sorted(attributes_of_session()), *(field.name for field in fields(OpenTurn))]
    return hashlib.sha256(",".join(parts).encode()).hexdigest()[:8]


@dataclass(frozen=True, kw_only=True)
class SessionSnapshot:
    """A session as of a version, in JSON types: arrays as ranges, dates as ISO 8601."""

    TOPIC: ClassVar[str] = f"session.snapshot.{_fingerprint()}"

    originator_id: UUID
    originator_version: int
    state: dict[str, Any]

    @classmethod
    def take(cls, session: Session) -> Self:
        """The snapshot of a session without pending events."""
        return cls(
            originator_id=session.id,
            originator_version=session.version,
            state={
                "created_on": session.created_on.isoformat(),
                "modified_on": session.modified_on.isoformat(),
                "attributes": {name: _encode(value) for name, value in vars(session).items() if name[0] != "_"},
            },
        )

    def mutate(self, aggregate: Session | None) -> Session:
        """The session it was taken of. Whatever was replayed before is dropped."""
        session: Session = object.__new__(Session)
        created_on = datetime.fromisoformat(self.state["created_on"])
        session.__base_init__(self.originator_id, self.originator_version, created_on)
        session.modified_on = datetime.fromisoformat(self.state["modified_on"])
        for name, value in self.state["attributes"].items():
            setattr(session, name, _decode(name, value))
        return session


def _encode(value: object) -> object:
    if isinstance(value, array):
        return to_ranges(cast("array[int]", value))
    return asdict(value) if isinstance(value, OpenTurn) else value


def _decode(name: str, value: Any) -> object:
    if name in ("path", "messages"):
        return array("q", from_ranges(value))
    return OpenTurn(**value) if name == "open_turn" and value is not None else value


register_topic(SessionSnapshot.TOPIC, SessionSnapshot)
