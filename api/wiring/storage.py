"""Where what was said is kept, and what is projected from it: all that the offline commands need."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from api.adapters.sqlite_backup import Progress, copy_log
from api.adapters.sqlite_log import SqliteEventLog
from api.adapters.stored_log import StoredEventLog
from api.adapters.unmeasured import UNMEASURED
from api.metrics import Metrics
from api.settings import Settings
from domain.errors import Unavailable
from projections.follower import Follower
from projections.read_models import ReadModels
from projections.slot import Slot, claim_slot

LOG_FILE = "events.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The log and what is projected from it."""

    log: StoredEventLog
    slot: Slot
    models: ReadModels
    follower: Follower

    async def close(self) -> None:
        await asyncio.to_thread(self.follower.close)
        self.models.close()
        self.slot.close()
        await self.log.close()


def open_log(settings: Settings, metrics: Metrics = UNMEASURED) -> StoredEventLog:
    """Open the event log, made when missing. Raises Unavailable."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if settings.event_log:
        from api.adapters.postgres_log import PostgresEventLog

        return PostgresEventLog(settings.event_log, metrics=metrics)
    return SqliteEventLog(settings.data_dir / LOG_FILE, metrics=metrics)


def open_memory(settings: Settings, metrics: Metrics = UNMEASURED) -> Memory:
    """Open the log and this process's views; the follower is not started."""
    log = open_log(settings, metrics)
    slot = claim_slot(settings.data_dir)
    slot.copy_neighbour()
    models = ReadModels.open(slot.file, again=slot.again)
    return Memory(log=log, slot=slot, models=models, follower=models.follow(log))


def back_up_log(settings: Settings, folder: Path, progress: Progress) -> int:
    """Copy the event log into the folder, which becomes a data folder by it; the position of the copy's newest event.
    Raises Unavailable, also where the log lies in PostgreSQL, which has its own means."""
    if settings.event_log:
        raise Unavailable("The event log lies in PostgreSQL. Copy that with pg_dump.")
    return copy_log(settings.data_dir / LOG_FILE, folder / LOG_FILE, progress)
