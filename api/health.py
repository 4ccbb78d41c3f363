"""What `/health` tells: whether the server can serve, how each part of it is, and why it is not well.

ok            everything works
degraded      it serves, with less: no vectors, no summaries, a model that fails, no Redis, little disk left
unavailable   turns would fail: the log cannot be read or written, the views stand still, the disk is full
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from api.access.allowance import Allowance
from api.aftercare.worker import Aftercare
from api.chat.perception import Perception
from api.metrics import Readings
from api.model_calls import ModelCalls
from api.ports import ChatModel, EventLog
from domain.errors import Unavailable
from domain.records import Json, JsonObject
from projections.checkpoints import FollowerStatus
from projections.follower import Follower
from projections.indexes import Indexes

MEBIBYTE: Final = 1024 * 1024

Status = Literal["ok", "degraded", "unavailable"]
_WORST_FIRST: Final[tuple[Status, ...]] = ("unavailable", "degraded", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one part is: what is told of it, and the reason where it is not well."""

    told: JsonObject
    status: Status = "ok"
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk that the data lie on, and from how many free bytes on it is no longer well."""

    folder: Path
    degraded_below: int = 512 * MEBIBYTE
    unavailable_below: int = 64 * MEBIBYTE

    def free(self) -> int:
        """Bytes. Raises OSError when the folder is gone."""
        return shutil.disk_usage(self.folder).free


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The parts that are asked, and `version`, the program's own. Writing to the log may take `probe_seconds`: whoever
    asks for the health does not wait much longer."""

    log: EventLog
    follower: Follower
    perception: Perception
    model: ChatModel
    calls: ModelCalls
    indexes: Indexes
    aftercare: Aftercare
    allowance: Allowance
    disk: Disk
    version: str
    probe_seconds: float = 3.0
    started: float = field(default_factory=time.monotonic)
    _probing: "list[asyncio.Task[str | None]]" = field(default_factory=list["asyncio.Task[str | None]"])

    async def report(self) -> JsonObject:
        """The state now; `status` is ok, degraded or unavailable, and `reasons` say why."""
        unwritable = await self._unwritable()
        log, views = await asyncio.to_thread(self._stored, unwritable)
        disk = await asyncio.to_thread(self._disk)
        await self.allowance.probe()
        parts = {"log": log, "views": views, "disk": disk, **self._others()}
        return {
            "status": _worst(list(parts.values())),
            "reasons": [part.reason for part in parts.values() if part.reason is not None],
            "version": self.version,
            "uptime_seconds": round(time.monotonic() - self.started, 1),
            **{name: part.told for name, part in parts.items()},
            "detector": self.perception.detector,
            "sessions_warm": len(self.indexes),
        }

    def readings(self) -> Readings:
        """The numbers among it. Blocks. Raises Unavailable and OSError."""
        views = self.follower.status()
        return Readings(
            follower_lag=views.lag,
            views_stopped=sum(view.stopped_at is not None for view in views.views),
            sessions_warm=len(self.indexes),
            sessions_waiting=self.aftercare.waiting,
            disk_free_bytes=self.disk.free(),
        )

    # -- the parts -----------------------------------------------------------------------------------------------------

    def _stored(self, unwritable: str | None) -> tuple[Part, Part]:
        try:
            views = self.follower.status()
        except Unavailable as error:
            ill = Part(told={"error": error.message}, status="unavailable", reason=error.message)
            return ill, Part(told={"running": self.follower.running})
        told: JsonObject = {"position": views.position + views.lag, "error": unwritable}
        if unwritable is not None:
            return Part(told=told, status="unavailable", reason=unwritable), _views(views)
        return Part(told=told), _views(views)

    def _disk(self) -> Part:
        try:
            free = self.disk.free()
        except OSError:
            reason = "The data folder cannot be reached."
            return Part(told={"free_bytes": None}, status="unavailable", reason=reason)
        told: JsonObject = {"free_bytes": free}
        if free >= self.disk.degraded_below:
            return Part(told=told)
        status: Status = "unavailable" if free < self.disk.unavailable_below else "degraded"
        return Part(told=told, status=status, reason=f"The disk of the data has {free // MEBIBYTE} MiB left.")

    def _others(self) -> dict[str, Part]:
        """What may fail without taking the conversation down."""
        model: JsonObject = {"provider": self.model.provider, "default": self.model.default, **self.calls.told()}
        embedder: JsonObject = {"id": self.perception.embedders.vectors, "error": self.perception.failure}
        aftercare: JsonObject = {"running": self.aftercare.running, "waiting": self.aftercare.waiting}
        failing, blind, idle = self.calls.failing, self.perception.failure, not self.aftercare.running
        apart = self.allowance.failure
        return {
            "model": _lesser(model, f"The language model failed when last asked: {failing}." if failing else None),
            "embedder": _lesser(embedder, f"Texts are not encoded: {blind}" if blind else None),
            "aftercare": _lesser(aftercare, "Nothing is summarised behind the turns." if idle else None),
            "limits": _lesser(
                {"error": apart}, f"Limits are counted by each process alone: {apart}" if apart else None
            ),
        }

    # -- writing -------------------------------------------------------------------------------------------------------

    async def _unwritable(self) -> str | None:
        """Why nothing can be appended now. Whoever asks at the same time shares one attempt."""
        if not self._probing:
            self._probing.append(asyncio.create_task(self._probe()))
            self._probing[0].add_done_callback(self._probing.remove)
        done, _ = await asyncio.wait([probing := self._probing[0]], timeout=self.probe_seconds)
        late = f"Writing to the event log takes longer than {self.probe_seconds:g} seconds."
        return probing.result() if done else late

    async def _probe(self) -> str | None:
        try:
            await self.log.probe()
        except Unavailable as error:
            return error.message
        return None


def _views(views: FollowerStatus) -> Part:
    stopped = [view for view in views.views if view.stopped_at is not None]
    listed: list[Json] = [{"view": view.name, "position": view.stopped_at, "error": view.error} for view in stopped]
    told: JsonObject = {
        "running": views.running,
        "position": views.position,
        "lag": views.lag,
        "error": views.error,
        "stopped": listed,
    }
    if views.healthy:
        return Part(told=told)
    if stopped:
        names = ", ".join(f"{view.name} (at {view.stopped_at})" for view in stopped)
        return Part(told=told, status="unavailable", reason=f"Views stopped before an event: {names}.")
    reason = f"The views are not kept up to date: {(views.error or 'their thread has ended').rstrip('.')}."
    return Part(told=told, status="unavailable", reason=reason)


def _lesser(told: JsonObject, reason: str | None) -> Part:
    return Part(told=told, status="ok" if reason is None else "degraded", reason=reason)


def _worst(parts: Sequence[Part]) -> Status:
    return next(status for status in _WORST_FIRST if any(part.status == status for part in parts))
