"""What `/health` tells: whether the server can serve, and how each part of it is."""

import asyncio
from dataclasses import dataclass

from api.aftercare.worker import Aftercare
from api.chat.perception import Perception
from api.ports import ChatModel, EventLog
from domain.errors import Unavailable
from domain.records import Json, JsonObject
from projections.follower import Follower, FollowerStatus
from projections.indexes import Indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The parts that are asked. A log that cannot be read or a stopped view make the server unfit; an encoder that
    fails does not: recall goes on by words alone, and `degraded` says so."""

    log: EventLog
    follower: Follower
    perception: Perception
    model: ChatModel
    indexes: Indexes
    aftercare: Aftercare

    async def report(self) -> JsonObject:
        """The state now; `status` is ok, degraded or unavailable."""
        try:
            views = await asyncio.to_thread(self.follower.status)
        except Unavailable as error:
            return {"status": "unavailable", "log": {"error": error.message}}
        failing = self.perception.failure
        return {
            "status": "unavailable" if not views.healthy else "degraded" if failing else "ok",
            "log": {"position": views.position + views.lag},
            "views": _views(views),
            "model": {"provider": self.model.provider, "default": self.model.default},
            "embedder": {"id": self.perception.embedder, "error": failing},
            "detector": self.perception.detector,
            "sessions_warm": len(self.indexes),
            "sessions_waiting": self.aftercare.waiting,
        }


def _views(views: FollowerStatus) -> JsonObject:
    stopped: list[Json] = [
        {"view": view.name, "position": view.stopped_at, "error": view.error}
        for view in views.views
        if view.stopped_at is not None
    ]
    return {"running": views.running, "position": views.position, "lag": views.lag, "stopped": stopped}
