"""A request that can never fit is refused before it is read.

To encode 1 MB takes ten seconds, to count its tokens a tenth of one.
"""

import asyncio
from typing import Final

from api.chat.request import TurnRequest
from domain.budget import Shares, TokenCounter, allot

_CHARACTERS_A_TOKEN: Final = 8
"""More than in any language: a text of fewer may fit."""


async def refuse_endless(request: TurnRequest, shares: Shares, counter: TokenCounter) -> None:
    """Raises ContextTooLong when what is never cut, instructions and the last message, does not fit even alone. What
    is near the limit is decided when the context is built."""
    uncut = [*(one.text for one in request.instructions), *(one.text for one in request.dialogue[-1:])]
    if sum(map(len, uncut)) <= _CHARACTERS_A_TOKEN * shares.window:
        return
    fixed = await asyncio.to_thread(lambda: sum(map(counter.count, uncut)))
    allot(shares, fixed=fixed, max_tokens=0)
