"""What every event of a session is: a place on the session's axis, a topic that never changes, a form with a number."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

from eventsourcing.domain import AggregateEvent, BaseAggregate
from eventsourcing.utils import register_topic, resolve_topic

SESSION_TOPIC = "session"

ENVELOPE: Final = frozenset({"originator_id", "originator_version", "timestamp"})
"""The fields that every event has; the others are its own."""


@dataclass(frozen=True, kw_only=True)
class SessionEvent(AggregateEvent):
    """Something that happened in a session. Its version is its place on the session's axis."""

    TOPIC: ClassVar[str]
    class_version: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "TOPIC" in cls.__dict__:
            register_topic(cls.TOPIC, cls)

    def apply(self, aggregate: Any) -> None:
        """Evolve the session. Never refuses: what is stored has happened."""
        aggregate.evolve(self)


@dataclass(frozen=True, kw_only=True)
class FirstEvent(SessionEvent):
    """An event that brings a session into being instead of changing one."""

    owner: str
    external_id: str

    def mutate(self, aggregate: Any) -> Any:
        assert aggregate is None, "a first event has nothing before it"
        session: BaseAggregate[UUID] = object.__new__(resolve_topic(SESSION_TOPIC))
        session.__base_init__(self.originator_id, self.originator_version, self.timestamp)
        self.apply(session)
        return session
