"""How a command asks the use cases: a running system, for the time of one question."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from api.settings import load_settings
from domain.records import JsonObject

if TYPE_CHECKING:
    from api.services import Services

Ask = Callable[["Services"], Awaitable[JsonObject]]


def answer(data_dir: Path | None, ask: Ask) -> JsonObject:
    """What the use cases answer on this data folder. A server may run on it meanwhile."""
    return asyncio.run(_answer(data_dir, ask))


async def _answer(data_dir: Path | None, ask: Ask) -> JsonObject:
    # Imported here: `heartline --help` does not wait for it.
    from api.bootstrap import assembled

    async with assembled(load_settings(data_dir=data_dir)) as system:
        return await ask(system.services)
