"""How a language model elsewhere is called: a few calls at once, patiently before the first word, never again after it.

    stream() -> a free slot -> pump task: attempt, and again while nothing has been said -> queue -> Delta … Finish

An SDK's stream that is merely left keeps its connection (google-genai does, python-genai#2425), and so does one whose
reader is cancelled while it is busy elsewhere; a task that is cancelled while it reads lets go at once. So a task of
ours does nothing but read, and whoever leaves the stream cancels it.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, replace
from typing import Final, Self

from api.ports import ModelFailed, ReadImage, Streamed

ATTEMPTS: Final = 3

PASSING: Final = frozenset({"rate_limit_exceeded", "upstream_unavailable"})
"""Codes of failures that the same call may escape a little later."""

Attempt = Callable[[], AsyncGenerator[Streamed, None]]
Told = Callable[[Exception, bool], ModelFailed]
"""What the caller should be told of an SDK's exception; the bool says that part of the reply went out before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Calls under way at once, others wait; and seconds: to connect, between two pieces of an answer, before the second
    attempt, and at most before any. `retried` is told the failure's code before each further attempt."""

    slots: int = 5
    connect: float = 5
    read: float = 120
    backoff: float = 0.5
    longest_wait: float = 30
    retried: Callable[[str], None] = lambda code: None

    def pause(self, failure: ModelFailed, attempts: int) -> float | None:
        """Seconds to wait after so many attempts; None when there shall be no other."""
        if attempts >= ATTEMPTS or failure.code not in PASSING:
            return None
        if failure.retry_after is None:
            return self.backoff * 2 ** (attempts - 1) * random.uniform(0.5, 1.5)
        return failure.retry_after if failure.retry_after <= self.longest_wait else None


class Calls:
    """The calls of one adapter. `failures` are what its SDK raises; `told` turns one of them into ours."""

    def __init__(self, patience: Patience, *, failures: tuple[type[Exception], ...], told: Told) -> None:
        self._patience = patience
        self._failures = failures
        self._told = told
        self._slots = asyncio.Semaphore(patience.slots)

    def beside(self, slots: int) -> "Calls":
        """Calls of the same kind, with slots of their own."""
        return Calls(replace(self._patience, slots=slots), failures=self._failures, told=self._told)

    async def stream(self, attempt: Attempt) -> AsyncGenerator[Streamed, None]:
        """The pieces of the first attempt that says anything. Raises ModelFailed.

        However the stream is left, the attempt is over, and its connection closed, when leaving is.
        """
        async with self._slots:
            pieces: asyncio.Queue[Streamed | None] = asyncio.Queue()
            pump = asyncio.create_task(self._pump(attempt, pieces))
            pump.add_done_callback(lambda _: pieces.put_nowait(None))
            try:
                while (piece := await pieces.get()) is not None:
                    yield piece
                pump.result()
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)

    async def _pump(self, attempt: Attempt, pieces: "asyncio.Queue[Streamed | None]") -> None:
        attempts = 0
        while True:
            begun = False
            try:
                async with aclosing(attempt()) as said:
                    async for piece in said:
                        begun = True
                        pieces.put_nowait(piece)
                return
            except self._failures as error:
                attempts += 1
                failure = self._told(error, begun)
                if begun or (pause := self._patience.pause(failure, attempts)) is None:
                    raise failure from error
            self._patience.retried(failure.code)
            await asyncio.sleep(pause)


class RemoteModel:
    """What the adapters of models elsewhere have in common. Without `read_image`, messages with images are refused."""

    def __init__(self, calls: Calls, *, default: str, read_image: ReadImage | None) -> None:
        self._calls = calls
        self._default = default
        self._read_image = read_image

    @property
    def default(self) -> str:
        """The model asked when a request names none of its own."""
        return self._default

    def aside(self, slots: int) -> Self:
        """The same model over the same connections, with slots of its own: its calls take no place of these."""
        other = copy(self)
        other._calls = self._calls.beside(slots)
        return other
