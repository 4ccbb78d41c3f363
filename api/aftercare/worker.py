"""What follows a turn or an import in the background: missing vectors and emotions, and summaries.

One worker takes one session after another. It holds a session's lock only to append, never while it encodes or asks a
model, so it never holds up a turn for longer than an append.
"""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.aftercare.missing import BATCH, MissingVectors, Progress, all_caught_up
from api.aftercare.summariser import PATIENCE_SECONDS, Summariser
from api.chat.leftovers import Leftovers
from api.chat.perception import Perceived, Perception
from api.commands import decided
from api.log_ids import note
from api.ports import EventLog, SessionLocks
from domain.errors import HeartlineError, TurnAlreadyOpen
from projections.failures import VIEW_FAILURES
from projections.follower import Follower
from projections.remembered import Remembered

logger = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 5.0
"""After which a session that could not be looked after is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AftercareParts:
    """What the worker works with."""

    log: EventLog
    follower: Follower
    locks: SessionLocks
    perception: Perception
    remembered: Remembered
    summariser: Summariser
    again_seconds: float = AGAIN_SECONDS

    @property
    def missing_vectors(self) -> MissingVectors:
        return MissingVectors(log=self.log, remembered=self.remembered, perception=self.perception)


def _report(worker: "asyncio.Task[None]") -> None:
    """The worker ends only when it is told to; should it fail, that is said loudly once."""
    if not worker.cancelled() and (error := worker.exception()) is not None:
        logger.error("aftercare ended: nothing is encoded or summarised behind the turns any more", exc_info=error)


class Aftercare:
    """Brings sessions up to date behind the turns."""

    def __init__(self, parts: AftercareParts) -> None:
        self._parts = parts
        self._missing_vectors = parts.missing_vectors
        self._waiting: dict[UUID, None] = {}
        self._put_off: dict[UUID, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failing: str | None = None

    @property
    def running(self) -> bool:
        """Whether the worker does its work: it is neither unstarted nor ended."""
        return self._task is not None and not self._task.done()

    @property
    def waiting(self) -> int:
        """Sessions that are still to be looked at, those that were put off among them."""
        return len(self._waiting.keys() | self._put_off.keys())

    def note(self, session: UUID) -> None:
        """Something was appended to the session; look at it soon. Call from the event loop."""
        if (timer := self._put_off.pop(session, None)) is not None:
            timer.cancel()
        self._waiting[session] = None
        self._wake.set()

    def note_turn(self, session: UUID, left: Leftovers) -> None:
        """A turn of the session ended; most leave nothing to be done."""
        if left.unread or self._parts.summariser.may_be_due(left.unsummarised):
            self.note(session)

    def start(self) -> None:
        """Begin with what an earlier run left undone."""
        self._task = asyncio.create_task(self._run(), name="aftercare")
        self._task.add_done_callback(_report)

    async def close(self) -> None:
        """Stop at once: what is left undone is found again at the next start, or with the session's next turn."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for timer in self._put_off.values():
            timer.cancel()
        self._put_off.clear()

    async def _run(self) -> None:
        await self._survived(self._note_undone())
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                session = next(iter(self._waiting))
                del self._waiting[session]
                note(session=session.hex)
                if not await self._survived(self.look_after(session)):
                    self._note_later(session)

    async def _survived(self, work: Awaitable[None]) -> bool:
        """Whether the work was done. What a part of ours or the disk failed with is logged once, until something goes
        well or fails otherwise; the worker goes on."""
        try:
            await work
        except TurnAlreadyOpen:
            logger.debug("aftercare put off: the session is being answered")
            return False
        except HeartlineError as error:
            self._note_failure(error.code, error)
            return False
        except VIEW_FAILURES as error:
            self._note_failure("the disk or a database failed", error)
            return False
        self._failing = None
        return True

    def _note_failure(self, failing: str, error: Exception) -> None:
        if failing != self._failing:
            logger.warning("aftercare put off: %s", failing, exc_info=error)
        self._failing = failing

    async def _note_undone(self) -> None:
        for session in await asyncio.to_thread(self._missing_vectors.sessions):
            self.note(session)

    def _note_later(self, session: UUID) -> None:
        """Unless it was noted again meanwhile: then it has its turn already."""
        if session not in self._waiting:
            loop = asyncio.get_running_loop()
            self._put_off[session] = loop.call_later(self._parts.again_seconds, self.note, session)

    async def look_after(self, session: UUID, progress: Progress | None = None) -> None:
        """Encode and read what is missing in the session, then summarise it if that is due.

        `progress` is told how many texts are done, of how many. Raises a HeartlineError when a part does not answer,
        and TurnAlreadyOpen while another process looks after the session: no text is encoded twice.
        """
        care = self._missing_vectors.care_of(session)
        async with self._busy, self._parts.locks.hold(care, patience_seconds=0):
            await self._look_after(session, progress)

    async def _look_after(self, session: UUID, progress: Progress | None) -> None:
        await self._caught_up()
        await self._read(session, progress)
        if await self._summarise(session):
            await self._read(session, None)

    async def _read(self, session: UUID, progress: Progress | None) -> None:
        """Encode texts that have no vectors, and read emotions in messages that have none."""
        missing = await asyncio.to_thread(self._missing, session)
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            await self._note_emotions(session, await self._missing_vectors.make(session, batch))
            if progress is not None:
                progress(start + len(batch), len(missing))
        if missing:
            await self._caught_up()

    async def _summarise(self, session: UUID) -> bool:
        """Whether any summary was due, and written."""
        covered = 0
        while (count := await self._parts.summariser.summarise_if_due(session)) > covered:
            covered = count
            await self._caught_up()
        return covered > 0

    async def _caught_up(self) -> None:
        await all_caught_up(self._parts.follower, "nothing is added behind the turns")

    def _missing(self, session: UUID) -> list[int]:
        """Texts without vectors, and messages in which no emotion was read."""
        emotions = self._parts.remembered.models.emotions
        return sorted({*self._missing_vectors.versions(session), *emotions.missing(session)})

    async def _note_emotions(self, session: UUID, perceived: list[Perceived]) -> None:
        """Append the emotions of the messages that are still without one, now that nobody else appends."""
        parts = self._parts

        async def attempt() -> None:
            await self._caught_up()
            unread = set(await asyncio.to_thread(parts.remembered.models.emotions.missing, session))
            detected = parts.perception.detected([item for item in perceived if item.version in unread])
            if not detected:
                return
            loaded = await parts.log.load(session)
            before = loaded.version
            loaded.detect(detected)
            await parts.log.append(session, before, loaded.collect())

        async with parts.locks.hold(session, patience_seconds=PATIENCE_SECONDS):
            await decided(attempt)
