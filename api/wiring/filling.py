"""What vectors are made with beside the servers: the log, views of its own, one embedding model, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from api.adapters.blas import one_blas_thread
from api.aftercare.filling import Filling
from api.aftercare.missing import MissingVectors
from api.chat.perception import Perception
from api.settings import Settings
from api.wiring.outside import encoding, locks_of, projection_of
from api.wiring.storage import open_memory
from domain.emotion import KeywordDetector
from projections.remembered import Remembered


@asynccontextmanager
async def filling(settings: Settings) -> AsyncGenerator[Filling]:
    """By the embedding model of the settings, which the servers need not have: this is none of them."""
    memory = await asyncio.to_thread(open_memory, settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(memory.close)
        stack.enter_context(one_blas_thread())
        await asyncio.to_thread(memory.follower.catch_up)
        memory.follower.start()
        encoder = await stack.enter_async_context(encoding(settings))
        locks = await asyncio.to_thread(locks_of, settings)
        stack.callback(locks.close)
        missing = MissingVectors(
            log=memory.log,
            remembered=Remembered(memory.models),
            # No emotion that it reads is stored.
            perception=Perception(encoder, KeywordDetector(), projection=projection_of(settings)),
        )
        yield Filling(missing=missing, follower=memory.follower, locks=locks)
