"""The chains of a stored log, walked for whoever verifies it. Reads rows; must not write any."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError

from api.adapters.event_mapper import EventMapper
from api.adapters.hash_chain import Entry, genesis, walk
from api.verification import Checked
from domain.errors import NotFound
from domain.events import FirstEvent, SessionForked


class StoredEntries(Protocol):
    """The rows of a log. All of it blocks."""

    def entries_of(self, session: UUID) -> Sequence[Entry]:
        """Events of one stream, in order."""
        ...

    def link_at(self, session: UUID, version: int) -> bytes | None:
        """The link of a stream's chain after a version, or None when it has no such version of its own."""
        ...

    def streams(self) -> list[UUID]:
        """Every stream, oldest first."""
        ...

    def missing_position(self) -> int | None:
        """The first position that was given and holds no event any more, None when there is none."""
        ...


class StoredChains(ABC):
    """Implements `api.verification.ChainedLog` for whoever has the rows of a log."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[tuple[StoredEntries, EventMapper]]:
        """The rows and what reads them, for one question; what the database fails with inside is the domain's error."""

    def check(self, session: UUID) -> Checked:
        """Walk the session's own chain. A cut-off tail shows in the head only. Raises NotFound."""
        with self._reading() as (entries, mapper):
            return _checked(entries, mapper, session)

    def sessions(self) -> list[UUID]:
        """Every session that has events, oldest first."""
        with self._reading() as (entries, _):
            return entries.streams()

    def missing_position(self) -> int | None:
        """The first position that was given and holds no event any more, None when there is none."""
        with self._reading() as (entries, _):
            return entries.missing_position()


def _checked(entries: StoredEntries, mapper: EventMapper, session: UUID) -> Checked:
    own = entries.entries_of(session)
    if not own:
        raise NotFound("There is no such session.", param="session_id")
    first = _first_of(mapper, own[0])
    parent, at = (UUID(first.parent), first.at) if isinstance(first, SessionForked) else (None, 0)
    before = genesis(session) if parent is None else entries.link_at(parent, at) or b""
    links, fault = walk(before, ((entry, mapper.plain(entry.stored)) for entry in own), version=at)
    return Checked(
        session=session,
        owner=first.owner if first is not None else None,
        name=first.external_id if first is not None else None,
        parent=parent,
        at=at,
        version=own[-1].stored.originator_version,
        links=links,
        fault=fault,
    )


def _first_of(mapper: EventMapper, entry: Entry) -> FirstEvent | None:
    """The event that began the session, None when it is not that or cannot be read."""
    try:
        event = mapper.to_domain_event(entry.stored)
        return event if isinstance(event, FirstEvent) and event.owner and event.external_id else None
    except (MapperDeserialisationError, AttributeError):
        return None  # damaged: what is wrong with it, the walk tells
