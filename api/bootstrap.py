"""The composition root: settings in, a running system out. Here and in `api/wiring/` alone are adapters made.

assembled(settings)      all of it, with model and encoder, for as long as the context lasts: answers, and does no more
running(settings)        the same, and what goes on by itself behind the turns

    wiring/storage.py    log, views, follower: what the offline commands need as well
    wiring/outside.py    the adapters to the world outside
    wiring/answering.py  what answers a turn
    wiring/assembly.py   that, and all the other use cases: the system
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from api.adapters.blas import one_blas_thread
from api.adapters.calls import Patience
from api.adapters.tokens import O200kTokens
from api.chat.album import Album
from api.chat.perception import Perception
from api.detectors import detectors
from api.prices import price_list
from api.providers import models
from api.settings import Settings
from api.watch import Watch
from api.wiring.answering import now
from api.wiring.assembly import Assembly, System
from api.wiring.outside import Outside, allowance_of, encoding, locks_of, reranker_of
from api.wiring.storage import open_memory
from projections.remembered import Remembered


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[System, None]:
    """Everything that serves, until the context ends; then all that was begun is stored."""
    async with assembled(settings) as system:
        await asyncio.to_thread(system.locks.join, system.services.encoder.id)
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
        stack.enter_context(one_blas_thread())
        await asyncio.to_thread(memory.follower.catch_up)
        memory.follower.start()
        encoder = await stack.enter_async_context(encoding(settings, watch.metrics))
        tokens = await asyncio.to_thread(O200kTokens)
        patience = Patience(retried=watch.metrics.retried)
        album = Album(memory.log.read_image)
        asked = await asyncio.to_thread(models, settings, tokens, album.read, patience=patience)
        stack.push_async_callback(asked.answering.close)
        locks = await asyncio.to_thread(locks_of, settings)
        stack.callback(locks.close)
        allowance = allowance_of(settings)
        stack.push_async_callback(allowance.close)
        remembered = Remembered(memory.models)
        if (url := settings.traces_url) is not None:
            shown = settings.otel_instrumentation_genai_capture_message_content
            provider = asked.answering.provider
            watch.trace(url, model_provider=provider, texts=remembered.texts if shown else None)
            stack.push_async_callback(watch.close)
        readers = await asyncio.to_thread(detectors, settings.emotion_detector)
        reranker = reranker_of(settings)
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
        assembly = Assembly.of(settings, memory, outside, remembered)
        system = assembly.system()
        warming = asyncio.create_task(_warm(assembly.perception))
        stack.push_async_callback(_ended, warming)
        yield system


async def _warm(perception: Perception) -> None:
    """Load the embedding model while the server listens already. That it failed is in the log and in `/health`."""
    await perception.perceive({0: "Hello."})


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
