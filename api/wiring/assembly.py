"""The system put together: the use cases that the routes and commands call, over one store and one outside world."""

from dataclasses import dataclass

from api.access.key_file import KeyFile
from api.access.owners import KeyHolders, Owners
from api.adapters.foreign_events import MappedForeignEvents
from api.adapters.turn_locks import TurnLocks
from api.aftercare.worker import Aftercare
from api.archive.archive import Archive
from api.archive.exports import ExportReader
from api.chat.turns import Turns
from api.health import Disk, Health
from api.reasons.reasons import SessionReasons
from api.services import Services
from api.sessions.branches import Branches
from api.sessions.sessions import SessionReads
from api.settings import Settings
from api.watch import VERSION
from api.wiring.answering import Answering, now
from api.wiring.storage import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A running system: what the routes are given, and the parts that commands use directly."""

    services: Services
    memory: Memory
    locks: TurnLocks
    aftercare: Aftercare
    turns: Turns
    archive: Archive
    reasons: SessionReasons


class Assembly(Answering):
    """Puts the use cases together, what answers a turn and all the rest."""

    def system(self) -> System:
        aftercare = self._aftercare()
        turns, archive, reasons = self._turns(aftercare), self._archive(aftercare), self._reasons()
        health, watch = self._health(aftercare), self.outside.watch
        watch.metrics.read_from(health.readings)
        services = Services(
            turns=turns,
            sessions=self._sessions(),
            branches=self._branches(aftercare),
            reasons=reasons,
            archive=archive,
            encoder=self.outside.encoder,
            model=self.outside.models.answering,
            tokens=self.outside.tokens,
            health=health.report,
            metrics=watch.metrics,
            tracer_provider=watch.tracer_provider,
            base_url=self.settings.address,
            owners=_owners(self.settings),
            allowance=self.outside.allowance,
            sizes=self.settings.sizes,
        )
        return System(
            services=services,
            memory=self.memory,
            locks=self.outside.locks,
            aftercare=aftercare,
            turns=turns,
            archive=archive,
            reasons=reasons,
        )

    def _sessions(self) -> SessionReads:
        return SessionReads(
            log=self.memory.log,
            follower=self.memory.follower,
            seeking=self.seeking,
            perception=self.perception,
            clock=now,
            prices=self.outside.prices,
        )

    def _branches(self, aftercare: Aftercare) -> Branches:
        return Branches(
            log=self.memory.log,
            follower=self.memory.follower,
            models=self.memory.models,
            locks=self.outside.locks,
            perception=self.perception,
            noted=aftercare.note,
            room=self._room(),
        )

    def _reasons(self) -> SessionReasons:
        return SessionReasons(
            log=self.memory.log,
            follower=self.memory.follower,
            contexts=self._contexts(),
            perception=self.perception,
            clock=now,
        )

    def _archive(self, aftercare: Aftercare) -> Archive:
        encoder = self.outside.encoder
        return Archive(
            log=self.memory.log,
            follower=self.memory.follower,
            models=self.memory.models,
            exports=ExportReader(
                foreign=MappedForeignEvents(), embedders=self.perception.embedders, dimensions=encoder.dimensions
            ),
            clock=now,
            noted=aftercare.note,
            room=self._room(),
        )

    def _health(self, aftercare: Aftercare) -> Health:
        return Health(
            log=self.memory.log,
            follower=self.memory.follower,
            perception=self.perception,
            model=self.outside.models.answering,
            calls=self.outside.watch.calls,
            indexes=self.seeking.indexes,
            aftercare=aftercare,
            allowance=self.outside.allowance,
            disk=Disk(folder=self.settings.data_dir),
            version=VERSION,
        )


def _owners(settings: Settings) -> Owners:
    """Elsewhere than on loopback nobody comes in without a key, even if the last one is taken away."""
    return KeyHolders(inline=settings.keys, file=KeyFile(settings.key_file), closed=not settings.is_loopback)
