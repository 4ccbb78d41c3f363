"""The event log in a database: the only place where sessions are loaded from and appended to.

    load      the library's Repository: cache, fast-forward, copy; in a reader's thread
    append    mapper, then the committer's thread
    wait      own commits at once, other processes' as the database tells of them

What differs from one database to the next is in the `Storage` it is given: `sqlite_log.py`, `postgres_log.py`.
Translates the library's errors into the domain's. Must not ask what an event means: it stores them.
"""

import asyncio
import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Final, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import (
    ConnectionPoolClosedError,
    EventStore,
    IntegrityError,
    MapperDeserialisationError,
    PersistenceError,
)

from api.adapters.committer import Committer
from api.adapters.event_mapper import EventMapper, PlainKeys, SessionKeys
from api.adapters.hash_chain import Entry, SealedEvent
from api.adapters.log_images import LogImages
from api.adapters.log_recorder import LogCursor, LogDatabase, LogRecorder
from api.adapters.log_signal import LogSignal
from api.adapters.log_snapshots import SnapshotRecorder
from api.adapters.replay_watch import ReplayWatch, replayed
from api.adapters.snapshots import SessionSnapshot
from api.adapters.stored_chains import StoredChains, StoredEntries
from api.adapters.unmeasured import UNMEASURED
from api.metrics import Metrics
from api.ports import Picture
from domain.errors import NotFound, Unavailable, UnreadableEvent, VersionConflict
from domain.events import SessionEvent
from domain.session import Session
from projections.ports import LoggedEvent, LoggedVector, StoredVector

CACHED_SESSIONS: Final = 1000
SNAPSHOT_AFTER_EVENTS: Final = 1000
READER_THREADS: Final = 4
LOAD_LOCKS: Final = 64
MAPPED_AT_ONCE: Final = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A database that is open, with the tables of a log in it. `close` ends what tells of other processes' commits."""

    database: LogDatabase
    recorder: LogRecorder
    signal: LogSignal
    close: Callable[[], None]


class StoredEventLog(StoredChains):
    """Implements `api.ports.EventLog`. Several processes may have the same one open; each is a node of its own."""

    def __init__(
        self,
        storage: Storage,
        *,
        keys: SessionKeys | None = None,
        snapshot_after_events: int = SNAPSHOT_AFTER_EVENTS,
        metrics: Metrics = UNMEASURED,
    ) -> None:
        self._closed = False
        self._metrics = metrics
        keys = keys or PlainKeys()
        self._mapper = EventMapper(keys)
        self._storage = storage
        self._recorder = storage.recorder
        self._images = LogImages(storage.database, keys)
        self._snapshots = SnapshotRecorder(storage.database, topic=SessionSnapshot.TOPIC)
        self._signal = storage.signal
        self._committer = Committer(storage.database, self._signal.notify, metrics)
        self._readers = ThreadPoolExecutor(max_workers=READER_THREADS, thread_name_prefix="log-reader")
        self._long_replays = set[UUID]()
        self._load_locks = [Lock() for _ in range(LOAD_LOCKS)]
        self._repository = Repository[UUID](
            ReplayWatch(self._mapper, self._recorder, snapshot_after_events, self._long_replays.add),
            snapshot_store=EventStore(self._mapper, self._snapshots),
            cache_maxsize=CACHED_SESSIONS,
        )

    async def load(self, session: UUID, version: int | None = None) -> Session:
        """The aggregate as of now, or as of `version`; a copy. Raises NotFound, also for a version it has not."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._load, session, version)

    async def append(
        self,
        session: UUID,
        expected: int,
        events: Sequence[SessionEvent],
        vectors: Sequence[StoredVector] = (),
        *,
        pictures: Sequence[Picture] = (),
    ) -> list[int]:
        """Store all of it durably; see the port. For a fork `expected` is the version it was forked at."""
        check_append(session, expected, events)
        stored = await self._stored(events)
        images = await asyncio.to_thread(self._images.sealed, session, pictures) if pictures else []

        def record(c: LogCursor) -> list[int]:
            self._images.insert(c, images)
            return self._recorder.record(c, stored, vectors)

        with translated():
            positions = await self._committer.run(record)
        self._metrics.appended(events)
        return positions

    async def _stored(self, events: Sequence[SessionEvent]) -> list[SealedEvent]:
        """The events as rows; many of them (an import) are written off the event loop."""
        if len(events) > MAPPED_AT_ONCE:
            return await asyncio.to_thread(lambda: [self._mapper.to_stored_event(event) for event in events])
        return [self._mapper.to_stored_event(event) for event in events]

    async def add_vectors(self, vectors: Sequence[StoredVector]) -> None:
        """Store vectors that came later. The first insert of a key wins."""
        with translated():
            await self._committer.run(partial(self._recorder.record, stored=(), vectors=vectors))

    async def probe(self) -> None:
        """Write the schema's version again, on which nothing else depends. Raises Unavailable."""
        with translated():
            await self._committer.run(self._recorder.rewrite_schema_version)

    def read_image(self, sha256: str) -> bytes:
        """The bytes of a stored picture. Raises Unavailable when they are not there."""
        with translated():
            return self._images.read(sha256)

    async def close(self) -> None:
        """Finish what was queued, then let go of files and threads. May be called twice."""
        await asyncio.to_thread(self._let_go)

    def last_position(self) -> int:
        """Position of the newest event, 0 when there is none."""
        with translated():
            return self._recorder.last_position()

    def last_sequence(self) -> int:
        """Sequence of the newest vector, 0 when there is none."""
        with translated():
            return self._recorder.last_sequence()

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        """Events with positions above `after`, in order. Old forms come upcast. Raises UnreadableEvent."""
        with translated():
            return [self._logged(entry) for entry in self._recorder.entries_after(after, limit)]

    def read_vectors(self, after: int, limit: int) -> list[LoggedVector]:
        """Vectors with sequences above `after`, in order."""
        with translated():
            return self._recorder.vectors_after(after, limit)

    def read_session(self, session: UUID, after: int, limit: int) -> list[LoggedEvent]:
        """Events of one session with versions above `after`, in order; not its ancestors'. Raises UnreadableEvent."""
        with translated():
            return [self._logged(entry) for entry in self._recorder.entries_of(session, after=after, limit=limit)]

    def wait(self, seconds: float) -> None:
        """Return when something was appended by this process or another one, at the latest after `seconds`."""
        self._signal.wait(seconds)

    def wake(self) -> None:
        """Make a `wait` return at once."""
        self._signal.notify()

    @contextmanager
    def _reading(self) -> Generator[tuple[StoredEntries, EventMapper]]:
        with translated():
            yield self._recorder, self._mapper

    def _load(self, session: UUID, version: int | None) -> Session:
        # The library copies a cached aggregate outside its own lock, so another thread could be fast-forwarding it.
        with self._load_locks[session.int % LOAD_LOCKS], translated():
            loaded: Session = self._repository.get(session, version=version, projector_func=replayed)
        if version not in (None, loaded.version):
            raise NotFound(f"The session has no version {version}.", param="version")
        if session in self._long_replays:
            self._long_replays.discard(session)
            self._keep_snapshot(loaded)
        return loaded

    def _keep_snapshot(self, loaded: Session) -> None:
        snapshot = self._mapper.to_stored_event(SessionSnapshot.take(loaded))
        self._committer.submit(partial(self._snapshots.replace, snapshot=snapshot)).add_done_callback(_report)

    def _logged(self, entry: Entry) -> LoggedEvent:
        try:
            event = cast("SessionEvent", self._mapper.to_domain_event(entry.stored))
        except MapperDeserialisationError as error:
            raise UnreadableEvent(f"The log's event at {entry.position}: {error}", position=entry.position) from error
        return LoggedEvent(position=entry.position, chain=entry.chain.hex(), event=event)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The event log is closed.")

    def _let_go(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._readers.shutdown(wait=True)
        self._committer.close()
        self._signal.close()
        self._storage.close()
        self._storage.database.close()


def check_append(session: UUID, expected: int, events: Sequence[SessionEvent]) -> None:
    """Raises VersionConflict when the events do not begin right after `expected`, ValueError for another session's."""
    if any(event.originator_id != session for event in events):
        raise ValueError("an append is to one session")
    if events and events[0].originator_version != expected + 1:
        raise VersionConflict(f"Events from version {events[0].originator_version} cannot follow version {expected}.")


@contextmanager
def translated() -> Generator[None]:
    """The library's errors as the domain's."""
    try:
        yield
    except AggregateNotFoundError as error:
        raise NotFound("There is no such session.", param="session_id") from error
    except IntegrityError as error:
        raise VersionConflict("Another writer appended to the session first: load it and decide again.") from error
    except (PersistenceError, ConnectionPoolClosedError, MapperDeserialisationError) as error:
        raise Unavailable(f"The event log cannot be used: {error}.") from error


def _report(stored: "Future[None]") -> None:
    error = stored.exception()
    if error is not None:
        logger.warning("a snapshot could not be stored", exc_info=error)
