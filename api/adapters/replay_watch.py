"""How a session is replayed from its events, and who is told of it when that takes long."""

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import AggregateRecorder, EventStore

from api.adapters.event_mapper import EventMapper
from domain.events import SessionEvent
from domain.session import Session


class ReplayWatch(EventStore[UUID]):
    """Tells of sessions whose load had to replay more than `limit` events: a snapshot would spare the next one that."""

    def __init__(
        self, mapper: EventMapper, recorder: AggregateRecorder, limit: int, tell: Callable[[UUID], None]
    ) -> None:
        super().__init__(mapper, recorder)
        self._limit = limit
        self._tell = tell

    def get(
        self,
        originator_id: UUID,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Iterator[DomainEventProtocol[UUID]]:
        stored = self.recorder.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        if lte is None and len(stored) > self._limit:
            self._tell(originator_id)
        return map(self.mapper.to_domain_event, stored)


def replayed(session: Session | None, events: Iterable[SessionEvent]) -> Session | None:
    """As the library's own, but for asking every event whether it looks like one: a fifth of a load."""
    for event in events:
        session = event.mutate(session)
    return session
