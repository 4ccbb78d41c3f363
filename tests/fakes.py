"""The event log in memory: the same contract as the real ones, nothing to clean up; and keys that one can read.

Events pass through the real mapper and hash chain, so what cannot be stored cannot be appended here either.
"""

import asyncio
from collections.abc import Sequence
from threading import Lock
from typing import cast
from uuid import UUID

from eventsourcing.application import project_aggregate

from api.adapters.event_mapper import EventMapper
from api.adapters.hash_chain import Entry, SealedEvent, genesis, link
from api.adapters.log_signal import LogSignal
from api.ports import Picture
from domain.errors import NotFound, Unavailable, VersionConflict
from domain.events import SessionEvent
from domain.session import Session
from projections.ports import LoggedEvent, LoggedVector, StoredVector

VectorKey = tuple[UUID, int, str, str]


class MemoryEventLog:
    """Implements `api.ports.EventLog`. Set `full` to make writing fail as a full disk does."""

    def __init__(self) -> None:
        self.full = False
        self._mapper = EventMapper()
        self._signal = LogSignal()
        self._lock = Lock()
        self._entries: list[Entry] = []
        self._vectors: dict[VectorKey, StoredVector] = {}
        self._pictures: dict[str, Picture] = {}
        self._closed = False

    async def load(self, session: UUID, version: int | None = None) -> Session:
        self._check_open()
        events = [logged.event for logged in self.read_session(session, 0, len(self._entries))]
        if version is not None:
            events = [event for event in events if event.originator_version <= version]
        loaded = cast("Session | None", project_aggregate(None, events))
        if loaded is None:
            raise NotFound("There is no such session.", param="session_id")
        if version not in (None, loaded.version):
            raise NotFound(f"The session has no version {version}.", param="version")
        return loaded

    async def append(
        self,
        session: UUID,
        expected: int,
        events: Sequence[SessionEvent],
        vectors: Sequence[StoredVector] = (),
        *,
        pictures: Sequence[Picture] = (),
    ) -> list[int]:
        if any(event.originator_id != session for event in events):
            raise ValueError("an append is to one session")
        if events and events[0].originator_version != expected + 1:
            raise VersionConflict("The events do not follow the expected version.")
        stored = [self._mapper.to_stored_event(event) for event in events]
        await asyncio.sleep(0)  # another caller may come first, as with a real log
        positions = self._record(session, stored, vectors)
        self._pictures.update({picture.sha256: picture for picture in pictures})
        return positions

    async def add_vectors(self, vectors: Sequence[StoredVector]) -> None:
        await asyncio.sleep(0)
        self._record(None, (), vectors)

    async def probe(self) -> None:
        await self.add_vectors(())

    def read_image(self, sha256: str) -> bytes:
        if sha256 not in self._pictures:
            raise Unavailable("The image is not there.")
        return self._pictures[sha256].content

    async def close(self) -> None:
        self._closed = True
        self._signal.close()

    def last_position(self) -> int:
        return len(self._entries)

    def last_sequence(self) -> int:
        return len(self._vectors)

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        return [self._logged(entry) for entry in self._entries[after : after + limit]]

    def read_vectors(self, after: int, limit: int) -> list[LoggedVector]:
        numbered = list(enumerate(self._vectors.values(), start=1))
        return [LoggedVector(sequence=sequence, stored=stored) for sequence, stored in numbered[after : after + limit]]

    def read_session(self, session: UUID, after: int, limit: int) -> list[LoggedEvent]:
        own = [entry for entry in self._entries if entry.stored.originator_id == session]
        return [self._logged(entry) for entry in own if entry.stored.originator_version > after][:limit]

    def wait(self, seconds: float) -> None:
        self._signal.wait(seconds)

    def wake(self) -> None:
        self._signal.notify()

    def _record(
        self, session: UUID | None, stored: Sequence[SealedEvent], vectors: Sequence[StoredVector]
    ) -> list[int]:
        self._check_open()
        if self.full:
            raise Unavailable("The event log cannot be used: the disk is full.")
        with self._lock:
            entries = self._linked(session, stored) if session is not None else []
            self._entries += entries
            for vector in vectors:
                self._vectors.setdefault((vector.session, vector.version, vector.part, vector.embedder), vector)
        self._signal.notify()
        return [entry.position for entry in entries]

    def _linked(self, session: UUID, stored: Sequence[SealedEvent]) -> list[Entry]:
        version, chain = self._head(session, stored)
        entries: list[Entry] = []
        for event in stored:
            if event.originator_version != version + 1:
                raise VersionConflict(f"The session is at version {version}.")
            version, chain = version + 1, link(chain, event)
            entries.append(Entry(position=len(self._entries) + len(entries) + 1, chain=chain, stored=event))
        return entries

    def _head(self, session: UUID, stored: Sequence[SealedEvent]) -> tuple[int, bytes]:
        own = self._heads(session)
        if own and stored and stored[0].continues is not None:
            raise VersionConflict("The session has begun already.")
        if own:
            return max(own.items())
        continues = stored[0].continues if stored else None
        if continues is None:
            return 0, genesis(session)
        parent, at = continues
        if at not in self._heads(parent):
            raise VersionConflict("The parent has no such version.")
        return at, self._heads(parent)[at]

    def _heads(self, session: UUID) -> dict[int, bytes]:
        own = [entry for entry in self._entries if entry.stored.originator_id == session]
        return {entry.stored.originator_version: entry.chain for entry in own}

    def _logged(self, entry: Entry) -> LoggedEvent:
        event = cast("SessionEvent", self._mapper.to_domain_event(entry.stored))
        return LoggedEvent(position=entry.position, chain=entry.chain.hex(), event=event)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The event log is closed.")


class ReversingKeys:
    """Seals by reversing, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, UUID, int, str]] = []

    def seal(self, session: UUID, version: int, topic: str, plain: bytes) -> bytes:
        self.asked.append(("seal", session, version, topic))
        return plain[::-1]

    def open(self, session: UUID, version: int, topic: str, state: bytes) -> bytes:
        self.asked.append(("open", session, version, topic))
        return state[::-1]
