"""The follower: one thread that reads the log's two feeds and keeps the views up to date.

    read a batch -> apply every view -> store checkpoints -> COMMIT -> tell who waits

Rows and checkpoints commit together, so a view never sees an event twice and never misses one, whenever the process
dies. A view that cannot apply an event stops there, alone and loudly; before an event that cannot be read all views do.
The next start tries again. Nothing here knows what a view does; what becomes of its checkpoint stands in `steps.py`.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from threading import Event, Lock, Thread
from uuid import UUID

from domain.errors import Unavailable, UnreadableEvent
from projections import checkpoints, steps
from projections.checkpoints import LOG, VECTORS, Checkpoint, FollowerStatus, Waiter
from projections.damage import TOLD
from projections.latest_versions import LatestVersions
from projections.ports import EventLog, LoggedEvent
from projections.replacement import Replacement
from projections.steps import VectorView
from projections.views import View, Views

logger = logging.getLogger(__name__)

SMALL_BATCH = 64
"""Events in a transaction while somebody waits for some of them."""

LARGE_BATCH = 1000
"""Events in a transaction while nobody does."""

IDLE_SECONDS = 1.0
"""How long to wait for the log at most. It wakes us when something was appended, so this only bounds a lost signal."""

RETRY_SECONDS = 0.5
"""How long to wait after the log or the disk failed."""


class Follower:
    """Applies the log to the views, in the background once started, and says how far it has come."""

    def __init__(
        self,
        log: EventLog,
        views: Views,
        projections: Sequence[View],
        vectors: VectorView,
        replacement: Replacement,
    ) -> None:
        self._log = log
        self._replacement = replacement
        self._views = views
        self._projections = projections
        self._vectors = vectors
        views.prepare([checkpoints.SCHEMA, *(statement for view in projections for statement in view.schema)])
        self._checkpoints: Mapping[str, Checkpoint] = {}
        self._unreadable: UnreadableEvent | None = None
        self.latest = LatestVersions()
        self._failure: str | None = None
        self._waiters: list[Waiter] = []
        self._lock = Lock()
        self._closing = Event()
        self._thread: Thread | None = None
        self._resume()

    # -- from outside --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Follow the log in a thread of its own until `close`."""
        self._thread = Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the batch at hand. Whoever still waits gets Unavailable."""
        self._closing.set()
        self._log.wake()
        if self._thread is not None:
            self._thread.join()
        self._refuse_waiters()

    async def reached(self, position: int, sequence: int = 0) -> None:
        """Return when events up to `position` and vectors up to `sequence` are in every view that is not stopped.

        Raises Unavailable when the follower ends before, or cannot read that far. Works from any event loop.
        """
        waiter = Waiter(position, sequence, Future())
        with self._lock:
            if self._has_reached(waiter):
                return
            refusal = self._refusal(waiter)
            if refusal is not None:
                raise refusal
            self._waiters.append(waiter)
        self._log.wake()
        await asyncio.wrap_future(waiter.future)

    async def caught_up(self) -> None:
        """Return when everything that the log holds by now is in the views. Raises Unavailable as `reached` does."""
        await self.reached(*await asyncio.to_thread(self._ends))

    async def caught_up_with(self, session: UUID, version: int) -> None:
        """Return when the session's events up to this version are in the views: at once, without asking the log, where
        they were applied lately. Raises Unavailable as `reached` does."""
        if self.latest.of(session) < version:
            await self.caught_up()

    def catch_up(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Read to the end of both feeds in the calling thread, before `start` or without it.

        `progress` is called after each batch with the position reached and the log's last one.
        """
        while self._mended_step():
            if progress is not None:
                progress(self.position, self._log.last_position())
        self._views.admit()

    @property
    def unreadable(self) -> UnreadableEvent | None:
        """The event behind which nothing of the log can be read, if there is one."""
        return self._unreadable

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def position(self) -> int:
        return steps.applied(self._checkpoints, self._projections)

    @property
    def sequence(self) -> int:
        return self._checkpoints[VECTORS].position

    @property
    def healthy(self) -> bool:
        return self.running and all(self._checkpoints[view.name].stopped_at is None for view in self._projections)

    def status(self) -> FollowerStatus:
        """Where the views stand now, compared with the log's end."""
        known = self._checkpoints
        position = steps.applied(known, self._projections)
        return FollowerStatus(
            position=position,
            sequence=known[VECTORS].position,
            lag=max(0, self._log.last_position() - position),
            running=self.running,
            error=self._failure if self._views.is_whole else TOLD,
            views=tuple(known[view.name] for view in self._projections),
        )

    def _ends(self) -> tuple[int, int]:
        return self._log.last_position(), self._log.last_sequence()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                if not self._try_step():
                    self._views.admit()
                    self._log.wait(IDLE_SECONDS)
        finally:
            self._closing.set()
            self._refuse_waiters()

    def _try_step(self) -> bool:
        """One batch; a log or disk that fails is tried again, for ever, and spoken of once."""
        try:
            applied = self._mended_step()
        except (Unavailable, sqlite3.Error, OSError) as error:
            if self._failure is None:
                logger.exception("the follower cannot go on, trying again", extra={"position": self.position})
            self._failure = str(error)
            self._closing.wait(RETRY_SECONDS)
            return True
        if self._failure is not None:
            logger.info("the follower goes on", extra={"position": self.position})
            self._failure = None
        return applied

    def _mended_step(self) -> bool:
        """As `_step`. A file that is found damaged or gone is made anew before the next one, and all is read again."""
        if self._views.mended():
            self._begin({})
        try:
            return self._step()
        except sqlite3.DatabaseError as error:
            if self._views.suspects(error):
                return True
            raise

    def _step(self) -> bool:
        """Apply one batch of either feed. False when there was nothing to apply."""
        if self._replacement.take():
            self._resume()
            self._publish(self._checkpoints)
            return True
        limit = self._batch()
        try:
            events = self._read(limit)
        except UnreadableEvent as error:
            self._stop_before(error)
            return True
        # Read second: the vectors that were appended with these events are then among them.
        vectors = self._log.read_vectors(self.sequence, limit)
        if not events and not vectors:
            return False
        with self._views.write() as db:
            changed = [steps.apply(db, view, events, self._checkpoints[view.name]) for view in self._projections]
            for logged in vectors:
                self._vectors.apply_vector(db, logged)
            changed += steps.feeds(self._checkpoints, events, vectors)
            checkpoints.store(db, changed)
        self._publish({checkpoint.name: checkpoint for checkpoint in changed})
        self.latest.note(events)
        return True

    def _read(self, limit: int) -> Sequence[LoggedEvent]:
        """The next events, fewer when one among them cannot be read; raises UnreadableEvent when that is the next."""
        if self._unreadable is not None:
            return ()
        try:
            return self._log.read(self.position, limit)
        except UnreadableEvent:
            if limit == 1:
                raise
            return self._read(limit // 2)

    def _stop_before(self, error: UnreadableEvent) -> None:
        """Stop every view that would have to take the event in; those that did when it could be read go on."""
        where = {"position": error.position}
        logger.error("the views stopped: the log holds what is no event", exc_info=error, extra=where)
        stopped = [steps.stopped_before(self._checkpoints[view.name], error) for view in self._projections]
        changed = [*stopped, self._checkpoints[LOG], self._checkpoints[VECTORS]]
        with self._views.write() as db:
            checkpoints.store(db, changed)
        if self._checkpoints[LOG].position < error.position:
            self._unreadable = error
        self._publish({checkpoint.name: checkpoint for checkpoint in changed})
        self._refuse_waiters()

    def _batch(self) -> int:
        """Small while somebody waits for an event near by; one far away is reached sooner by large ones."""
        near = any(waiter.position - self.position <= SMALL_BATCH for waiter in list(self._waiters))
        return SMALL_BATCH if near else LARGE_BATCH

    def _resume(self) -> None:
        """Go on from the stored checkpoints, or from nothing when the log is not the one they speak of."""
        try:
            found = checkpoints.load(self._views.read())
        except Unavailable:
            if not self._views.is_damaged:
                raise
            found = {}  # the first step makes it anew
        if steps.is_restored(self._log, found):
            logger.warning("the log was restored to an earlier state, rebuilding the views")
            self._views.reset()
            found = {}
        self._begin(found)

    def _begin(self, found: Mapping[str, Checkpoint]) -> None:
        self.latest.forget()
        self._unreadable = None
        # A view that had stopped is tried again: its code may have changed since.
        names = [*(view.name for view in self._projections), LOG, VECTORS]
        start = {name: found.get(name, Checkpoint(name=name)) for name in names}
        self._checkpoints = {name: replace(known, stopped_at=None, error=None) for name, known in start.items()}

    # -- who waits -----------------------------------------------------------------------------------------------------

    def _has_reached(self, waiter: Waiter) -> bool:
        return self.position >= waiter.position and self.sequence >= waiter.sequence

    def _publish(self, changed: Mapping[str, Checkpoint]) -> None:
        with self._lock:
            self._checkpoints = changed
            done = [waiter for waiter in self._waiters if self._has_reached(waiter) or waiter.future.cancelled()]
            self._waiters = [waiter for waiter in self._waiters if waiter not in done]
        for waiter in done:
            if waiter.future.set_running_or_notify_cancel():
                waiter.future.set_result(None)

    def _refusal(self, waiter: Waiter) -> Unavailable | None:
        """Why this one would wait for ever, if it would."""
        if self._closing.is_set():
            return Unavailable("The read models are not being updated any more.")
        if self._unreadable is not None and waiter.position >= self._unreadable.position:
            return Unavailable(f"The read models end before position {self._unreadable.position}, which is unreadable.")
        return None

    def _refuse_waiters(self) -> None:
        with self._lock:
            why = [(waiter, self._refusal(waiter)) for waiter in self._waiters]
            self._waiters = [waiter for waiter, error in why if error is None]
        for waiter, error in why:
            if error is not None and waiter.future.set_running_or_notify_cancel():
                waiter.future.set_exception(error)
