"""The composition root: settings in, a running system out. The only caller of adapters' constructors.

open_memory(settings)    log, views, follower: what the offline commands need as well
assembled(settings)      all of it, with model and encoder, for as long as the context lasts: answers, and does no more
running(settings)        the same, and what goes on by itself behind the turns
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from api.access.allowance import Allowance, Unlimited
from api.access.key_file import KeyFile
from api.access.owners import KeyHolders, Owners
from api.access.room import Room, SessionRoom, boundless
from api.adapters.calls import Patience
from api.adapters.cross_encoder import CrossEncoderReranker
from api.adapters.foreign_events import MappedForeignEvents
from api.adapters.minilm import MiniLmEncoder
from api.adapters.sqlite_log import SqliteEventLog
from api.adapters.tokens import O200kTokens
from api.adapters.turn_locks import FileTurnLocks
from api.adapters.unmeasured import UNMEASURED
from api.aftercare.summariser import Summariser
from api.aftercare.worker import Aftercare, AftercareParts
from api.archive.archive import Archive
from api.archive.exports import ExportReader
from api.chat.album import Album
from api.chat.comparison import Comparison
from api.chat.contexts import Contexts
from api.chat.decisions import Decisions
from api.chat.edits import Edits
from api.chat.perception import Perception
from api.chat.replies import Replies
from api.chat.resolution import Resolver
from api.chat.seeking import Seeking
from api.chat.turns import TurnParts, Turns
from api.detectors import detectors
from api.health import Disk, Health
from api.ports import EmotionDetector, Metrics, Reranker
from api.prices import price_list
from api.providers import Models, models
from api.reasons.reasons import SessionReasons
from api.services import Services
from api.sessions.branches import Branches
from api.sessions.sessions import SessionReads
from api.settings import Settings
from api.watch import VERSION, Watch
from domain.budget import Shares, TokenCounter
from projections.acquaintances import Acquaintances
from projections.follower import Follower
from projections.indexes import Indexes
from projections.policies import Policy, policy_named
from projections.read_models import ReadModels
from projections.remembered import Remembered
from projections.token_vectors import projection
from projections.usage import Price
from projections.views import Slot, claim_slot

LOG_FILE = "events.sqlite"

UNLIMITED = 1_000_000
"""Messages of history in a window that only its tokens limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The log and what is projected from it."""

    log: SqliteEventLog
    slot: Slot
    models: ReadModels
    follower: Follower

    async def close(self) -> None:
        await asyncio.to_thread(self.follower.close)
        self.models.close()
        self.slot.close()
        await self.log.close()


def open_log(settings: Settings, metrics: Metrics = UNMEASURED) -> SqliteEventLog:
    """Open the event log, made when missing. Raises Unavailable."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteEventLog(settings.data_dir / LOG_FILE, metrics=metrics)


def open_memory(settings: Settings, metrics: Metrics = UNMEASURED) -> Memory:
    """Open the log and this process's views; the follower is not started."""
    log = open_log(settings, metrics)
    slot = claim_slot(settings.data_dir)
    slot.copy_neighbour()
    models = ReadModels.open(slot.file)
    return Memory(log=log, slot=slot, models=models, follower=models.follow(log))


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A running system: what the routes are given, and the parts that commands use directly."""

    services: Services
    memory: Memory
    aftercare: Aftercare
    turns: Turns
    archive: Archive
    reasons: SessionReasons


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[System, None]:
    """Everything that serves, until the context ends; then all that was begun is stored."""
    async with assembled(settings) as system:
        system.aftercare.start()
        try:
            yield system
        finally:
            await system.turns.close()
            await system.aftercare.close()


@asynccontextmanager
async def assembled(settings: Settings) -> AsyncGenerator[System, None]:
    """A system that is caught up with the log, and appends nothing that it is not asked for."""
    prices = price_list(settings.price_file)
    watch = Watch(now, prices)
    memory = open_memory(settings, watch.metrics)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(memory.close)
        await asyncio.to_thread(memory.follower.catch_up)
        memory.follower.start()
        encoder = MiniLmEncoder(metrics=watch.metrics)
        stack.push_async_callback(encoder.close)
        tokens = await asyncio.to_thread(O200kTokens)
        patience = Patience(retried=watch.metrics.retried)
        album = Album(memory.log.read_image)
        asked = await asyncio.to_thread(models, settings, tokens, album.read, patience=patience)
        stack.push_async_callback(asked.answering.close)
        locks = FileTurnLocks(settings.data_dir / "turns.lock")
        stack.callback(locks.close)
        allowance = _allowance(settings)
        stack.push_async_callback(allowance.close)
        remembered = Remembered(memory.models)
        if (url := settings.traces_url) is not None:
            shown = settings.otel_instrumentation_genai_capture_message_content
            provider = asked.answering.provider
            watch.trace(url, model_provider=provider, texts=remembered.texts if shown else None)
            stack.push_async_callback(watch.close)
        readers = await asyncio.to_thread(detectors, settings.emotion_detector)
        reranker = _reranker(settings)
        if reranker is not None:
            reranker.start()
            stack.callback(reranker.close)
        outside = Outside(
            encoder=encoder,
            detectors=readers,
            tokens=tokens,
            models=asked,
            album=album,
            locks=locks,
            allowance=allowance,
            watch=watch,
            prices=prices,
            reranker=reranker,
        )
        assembly = _Assembly.of(settings, memory, outside, remembered)
        system = assembly.system()
        warming = asyncio.create_task(_warm(assembly.perception))
        stack.push_async_callback(_ended, warming)
        yield system


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The adapters to the world that a system is assembled with."""

    encoder: MiniLmEncoder
    detectors: Sequence[EmotionDetector]
    tokens: TokenCounter
    models: Models
    album: Album
    locks: FileTurnLocks
    allowance: Allowance
    watch: Watch
    prices: Mapping[str, Price]
    reranker: Reranker | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assembly:
    """Puts the use cases together, each from the same few parts."""

    settings: Settings
    memory: Memory
    outside: Outside
    seeking: Seeking
    perception: Perception

    @classmethod
    def of(cls, settings: Settings, memory: Memory, outside: Outside, remembered: Remembered) -> "_Assembly":
        kept = projection() if settings.token_vectors else None
        perception = Perception(outside.encoder, *outside.detectors, projection=kept)
        seeking = Seeking(
            remembered=remembered,
            indexes=Indexes(remembered, embedders=perception.embedders, dimensions=outside.encoder.dimensions),
            policy=_policy(settings),
            reranker=outside.reranker,
        )
        return cls(settings=settings, memory=memory, outside=outside, seeking=seeking, perception=perception)

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
            aftercare=aftercare,
            turns=turns,
            archive=archive,
            reasons=reasons,
        )

    def _aftercare(self) -> Aftercare:
        summariser = Summariser(
            log=self.memory.log,
            locks=self.outside.locks,
            remembered=self.seeking.remembered,
            model=self.outside.models.summarising,
            after_messages=self.settings.summarize_after_messages,
        )
        parts = AftercareParts(
            log=self.memory.log,
            follower=self.memory.follower,
            locks=self.outside.locks,
            perception=self.perception,
            remembered=self.seeking.remembered,
            summariser=summariser,
        )
        return Aftercare(parts)

    def _turns(self, aftercare: Aftercare) -> Turns:
        models = self.memory.models
        replies = Replies(
            log=self.memory.log,
            perception=self.perception,
            counter=self.outside.tokens,
            clock=now,
            spent=self.outside.allowance.spend,
            ended=aftercare.note_turn,
            observe=self.outside.watch.turn_ended,
        )
        parts = TurnParts(
            log=self.memory.log,
            follower=self.memory.follower,
            locks=self.outside.locks,
            resolver=Resolver(models),
            decisions=self._decisions(),
            perception=self.perception,
            model=self.outside.models.answering,
            album=self.outside.album,
            replies=replies,
            clock=now,
            room=self._room(),
        )
        return Turns(parts)

    def _decisions(self) -> Decisions:
        contexts = self._contexts()
        return Decisions(
            comparison=Comparison(
                acquaintances=Acquaintances(self.seeking.remembered), lexicon=self.memory.models.lexicon
            ),
            perception=self.perception,
            contexts=contexts,
            edits=Edits(
                perception=self.perception, contexts=contexts, log=self.memory.log, follower=self.memory.follower
            ),
            model=self.outside.models.answering,
            clock=now,
        )

    def _contexts(self) -> Contexts:
        return Contexts(
            seeking=self.seeking,
            shares=_shares(self.settings),
            counter=self.outside.tokens,
            window_messages=self.settings.max_working_memory_size or UNLIMITED,
            process=f"{socket.gethostname()}:{os.getpid()}",
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

    def _room(self) -> Room:
        if not (most := self.settings.max_sessions_per_owner):
            return boundless
        return SessionRoom(follower=self.memory.follower, catalogue=self.memory.models.catalogue, most=most)

    def _health(self, aftercare: Aftercare) -> Health:
        return Health(
            log=self.memory.log,
            follower=self.memory.follower,
            perception=self.perception,
            model=self.outside.models.answering,
            calls=self.outside.watch.calls,
            indexes=self.seeking.indexes,
            aftercare=aftercare,
            disk=Disk(folder=self.settings.data_dir),
            version=VERSION,
        )


def now() -> datetime:
    """The clock of everything that is said from now on."""
    return datetime.now(UTC)


def _owners(settings: Settings) -> Owners:
    """Elsewhere than on loopback nobody comes in without a key, even if the last one is taken away."""
    return KeyHolders(inline=settings.keys, file=KeyFile(settings.key_file), closed=not settings.is_loopback)


def _allowance(settings: Settings) -> Allowance:
    requests, tokens = settings.requests_a_minute, settings.rate_limit_tokens_per_day or None
    if requests is None and tokens is None:
        return Unlimited()
    from api.adapters.rate_limits import RateLimits, SharedStore

    redis = settings.redis_url
    return RateLimits(
        requests_a_minute=requests,
        tokens_a_day=tokens,
        redis=SharedStore(url=redis.get_secret_value()) if redis is not None else None,
    )


def _policy(settings: Settings) -> Policy:
    """The original design's policy keeps its own number of memories, the top 3."""
    return policy_named(
        settings.recall_policy, top_k=None if settings.recall_policy == "cosine" else settings.rag_top_k
    )


def _reranker(settings: Settings) -> CrossEncoderReranker | None:
    if not settings.rerank_model:
        return None
    return CrossEncoderReranker(settings.rerank_model, deadline_seconds=settings.rerank_deadline_seconds)


def _shares(settings: Settings) -> Shares:
    return Shares(
        window=settings.context_window_tokens,
        persona=settings.system_token_percent,
        recall=settings.rag_token_percent,
        history=settings.history_token_percent,
        response=settings.response_token_percent,
    )


async def _warm(perception: Perception) -> None:
    """Load the embedding model while the server listens already. That it failed is in the log and in `/health`."""
    await perception.perceive({0: "Hello."})


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
