"""An examination of a data folder and what is configured for it. Changes nothing; a server may run meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from api.access.allowance import Allowance
from api.access.keys import ApiKey
from api.doctor.around import disk_found, embedder_found, keys_found, limits_found, model_found
from api.doctor.findings import Finding
from api.doctor.projected import vectors_found, views_found
from api.doctor.stored import ExaminedLog, chain_found, clock_found, events_found, log_found, unread
from api.health import Disk
from api.ports import ChatModel
from projections.session_index import Embedders
from projections.slots import slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """What is examined. `key_files` hold secrets; `check_embedder` raises Unavailable; without `allowance` no store of
    shared limits is configured."""

    disk: Disk
    log: ExaminedLog
    embedders: Embedders
    check_embedder: Callable[[], None]
    model: ChatModel
    lists_every_model: bool
    allowance: Allowance | None
    keys: Sequence[ApiKey]
    key_files: Sequence[Path]
    loopback: bool
    clock: Callable[[], datetime]

    async def examine(self) -> list[Finding]:
        """Every part, in the order in which it makes sense to mend them."""
        stored = await asyncio.to_thread(self._stored)
        model = await model_found(self.model, every_name=self.lists_every_model)
        limits = [await limits_found(self.allowance)] if self.allowance is not None else []
        return [*stored, model, *limits]

    def _stored(self) -> list[Finding]:
        log, facts = log_found(self.log)
        there = slots(self.disk.folder, self.embedders.vectors)
        why = "The log cannot be read." if log.state == "wrong" else "There are none yet."
        return [
            disk_found(self.disk),
            log,
            *([events_found(self.log), chain_found(self.log)] if facts is not None else unread(why)),
            views_found(there, self.log, facts),
            vectors_found(there, facts, self.embedders),
            keys_found(self.keys, self.key_files, loopback=self.loopback),
            embedder_found(self.embedders.vectors, self.check_embedder),
            clock_found(facts, self.clock()),
        ]
