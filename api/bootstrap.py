"""The composition root: settings in, a running system out. The only caller of adapters' constructors.

open_memory(settings)    log, views, follower: what the offline commands need as well
running(settings)        all of it, with model and encoder, for as long as the context lasts
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from api.adapters.foreign_events import MappedForeignEvents
from api.adapters.minilm import MiniLmEncoder
from api.adapters.offline import OfflineModel
from api.adapters.sqlite_log import SqliteEventLog
from api.adapters.tokens import O200kTokens
from api.adapters.turn_locks import FileTurnLocks
from api.aftercare.summariser import Summariser
from api.aftercare.worker import Aftercare, AftercareParts
from api.archive.archive import Archive
from api.archive.exports import ExportReader
from api.chat.contexts import Contexts
from api.chat.perception import Perception
from api.chat.replies import Replies
from api.chat.resolution import Resolver
from api.chat.turns import TurnParts, Turns
from api.health import Health
from api.ports import ChatModel
from api.services import Services
from api.sessions.sessions import SessionReads
from api.settings import Settings
from domain.budget import Shares, TokenCounter
from domain.emotion import KeywordDetector
from domain.errors import HeartlineError
from projections.follower import Follower
from projections.indexes import Indexes
from projections.policies import Policy, policy_named
from projections.read_models import ReadModels
from projections.remembered import Remembered
from projections.views import Slot, claim_slot

logger = logging.getLogger(__name__)

LOG_FILE = "events.sqlite"


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


def log_file(settings: Settings) -> Path:
    """Where the event log lies."""
    return settings.data_dir / LOG_FILE


def open_log(settings: Settings) -> SqliteEventLog:
    """Open the event log, made when missing. Raises Unavailable."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteEventLog(log_file(settings))


def open_memory(settings: Settings) -> Memory:
    """Open the log and this process's views; the follower is not started."""
    log = open_log(settings)
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


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[System, None]:
    """Everything that serves, caught up with the log, until the context ends; then all that was begun is stored."""
    memory = open_memory(settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(memory.close)
        await asyncio.to_thread(memory.follower.catch_up)
        memory.follower.start()
        encoder = MiniLmEncoder()
        stack.push_async_callback(encoder.close)
        tokens = await asyncio.to_thread(O200kTokens)
        model = _model(settings, tokens)
        stack.push_async_callback(model.close)
        locks = FileTurnLocks(settings.data_dir / "turns.lock")
        stack.callback(locks.close)
        system = _assemble(settings, memory, Outside(encoder=encoder, tokens=tokens, model=model, locks=locks))
        system.aftercare.start()
        stack.push_async_callback(system.aftercare.close)
        stack.push_async_callback(system.turns.close)
        warming = asyncio.create_task(_warm(encoder))
        stack.push_async_callback(_ended, warming)
        yield system


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The adapters to the world that a system is assembled with."""

    encoder: MiniLmEncoder
    tokens: TokenCounter
    model: ChatModel
    locks: FileTurnLocks


def _assemble(settings: Settings, memory: Memory, outside: Outside) -> System:
    remembered = Remembered(memory.models)
    perception = Perception(outside.encoder, KeywordDetector())
    indexes = Indexes(remembered, embedder=outside.encoder.id, dimensions=outside.encoder.dimensions)
    summariser = Summariser(
        log=memory.log,
        locks=outside.locks,
        remembered=remembered,
        model=outside.model,
        after_messages=settings.summarize_after_messages,
    )
    aftercare = Aftercare(
        AftercareParts(
            log=memory.log,
            follower=memory.follower,
            locks=outside.locks,
            perception=perception,
            remembered=remembered,
            summariser=summariser,
        )
    )
    contexts = Contexts(
        remembered=remembered,
        indexes=indexes,
        policy=_policy(settings),
        shares=_shares(settings),
        counter=outside.tokens,
        window_messages=settings.max_working_memory_size or 10_000,
        process=f"{socket.gethostname()}:{os.getpid()}",
    )
    turns = Turns(
        TurnParts(
            log=memory.log,
            follower=memory.follower,
            locks=outside.locks,
            resolver=Resolver(memory.models.conversation, memory.models.catalogue),
            perception=perception,
            contexts=contexts,
            model=outside.model,
            replies=Replies(
                log=memory.log, perception=perception, counter=outside.tokens, clock=now, ended=aftercare.note
            ),
            clock=now,
        )
    )
    archive = Archive(
        log=memory.log,
        follower=memory.follower,
        models=memory.models,
        exports=ExportReader(
            foreign=MappedForeignEvents(), embedder=outside.encoder.id, dimensions=outside.encoder.dimensions
        ),
        clock=now,
        noted=aftercare.note,
    )
    sessions = SessionReads(
        log=memory.log,
        follower=memory.follower,
        remembered=remembered,
        indexes=indexes,
        perception=perception,
        policy=_policy(settings),
    )
    health = Health(
        log=memory.log,
        follower=memory.follower,
        perception=perception,
        model=outside.model,
        indexes=indexes,
        aftercare=aftercare,
    )
    services = Services(
        turns=turns,
        sessions=sessions,
        archive=archive,
        encoder=outside.encoder,
        model=outside.model,
        tokens=outside.tokens,
        health=health.report,
        base_url=f"http://{_address(settings)}",
    )
    return System(services=services, memory=memory, aftercare=aftercare, turns=turns, archive=archive)


def now() -> datetime:
    """The clock of everything that is said from now on."""
    return datetime.now(UTC)


def _policy(settings: Settings) -> Policy:
    """The original design's policy keeps its own number of memories, the top 3."""
    return policy_named(
        settings.recall_policy, top_k=None if settings.recall_policy == "cosine" else settings.rag_top_k
    )


def _shares(settings: Settings) -> Shares:
    return Shares(
        window=settings.context_window_tokens,
        persona=settings.system_token_percent,
        recall=settings.rag_token_percent,
        history=settings.history_token_percent,
        response=settings.response_token_percent,
    )


def _model(settings: Settings, tokens: TokenCounter) -> ChatModel:
    if settings.provider == "offline":
        return OfflineModel(tokens=tokens)
    # The SDK takes a second to import; a server without it need not wait.
    from api.adapters.openai_upstream import OPENAI, OpenAiUpstream

    key = settings.openai_api_key
    return OpenAiUpstream(
        default=settings.openai_model,
        base_url=settings.openai_base_url or OPENAI,
        api_key=key.get_secret_value() if key is not None else None,
    )


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


async def _warm(encoder: MiniLmEncoder) -> None:
    """Load the embedding model while the server listens already. That it failed, the first text's encoding tells."""
    try:
        await encoder.start()
    except (HeartlineError, OSError) as error:
        logger.error("the embedding model is not there: %s", error)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
