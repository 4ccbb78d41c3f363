"""A reply on its way from the model to the client and into the log.

Tasks of its own read the model and store the end, so that a reply is kept whatever becomes of the client's request:

    model -> reader -> queue -> stream() -> client
               └─ ended, cut, failed or cancelled -> the keeper appends it -> Finish or error

Nothing is stored before the turn itself is durable, and the Finish goes out after the reply is.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from api.chat.gathered import Choice, Gathered
from api.ports import Finish, ModelFailed, Streamed
from domain.errors import HeartlineError
from domain.records import FinishReason, JsonObject, Usage

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One choice of a reply, as far as it was sent."""

    text: str
    reason: FinishReason
    tool_calls: Sequence[JsonObject] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the model said, as far as it was sent: at least one choice, none of them blank. `usage` counts all of them.

    Times are of `time.perf_counter()`.
    """

    choices: Sequence[Spoken]
    model: str
    usage: Usage | None
    first_token: float | None
    ended: float


class Keeper(Protocol):
    """Who writes the end of one turn into the log; both raise a HeartlineError when that fails."""

    async def complete(self, said: Said) -> Usage:
        """Store the reply; answers the usage that was stored, an estimate where the model did not say."""
        ...

    async def fail(self, error: HeartlineError) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a response's headers and first chunk need to know."""

    session: str
    turn: str
    model: str
    created: int
    left_out: int
    is_turn: bool = True
    warning: str | None = None


class RunningAnswer:
    """An answer (`api.chat.request.Answer`) that is being read from the model."""

    def __init__(self, facts: Facts, source: AsyncGenerator[Streamed, None], keeper: Keeper) -> None:
        self.session = facts.session
        self.turn = facts.turn
        self.model = facts.model
        self.created = facts.created
        self.left_out = facts.left_out
        self.is_turn = facts.is_turn
        self.warning = facts.warning
        self._source = source
        self._keeper = keeper
        self._queue: asyncio.Queue[Streamed | HeartlineError] = asyncio.Queue()
        self._begun = asyncio.Event()
        self._failed_early: HeartlineError | None = None
        self._first_token: float | None = None
        self._said = Gathered()
        self._sent = Gathered()
        self._unwanted = ModelFailed("The client went away before the first word.", code="cancelled", status=499)
        self._durable: asyncio.Future[None] | None = None
        self._reader: asyncio.Task[Finish] | None = None
        self._pump: asyncio.Task[None] | None = None

    def start(self, durable: "asyncio.Future[None]", release: Callable[[], Awaitable[None]]) -> None:
        """Begin to read. `durable` ends when the turn's own events are stored; `release` lets go of the session, at
        the very end and whatever happened."""
        self._durable = durable
        self._reader = asyncio.create_task(self._read())
        self._pump = asyncio.create_task(self._keep(durable, self._reader, release))

    async def stored(self) -> None:
        """Wait until the turn's own events are stored. Raises what prevented it; there is no answer then."""
        assert self._durable is not None
        await asyncio.shield(self._durable)

    async def begun(self) -> None:
        """Wait for the model's first word. Raises what it failed with before that; the turn is failed then."""
        await self._begun.wait()
        if self._failed_early is not None:
            raise self._failed_early

    @property
    def ready(self) -> bool:
        """Whether the stream's next item is there already."""
        return not self._queue.empty()

    async def stream(self) -> AsyncGenerator[Streamed, None]:
        """Deltas, then the Finish; or an error in its place."""
        while True:
            item = await self._queue.get()
            if isinstance(item, HeartlineError):
                raise item
            if isinstance(item, Finish):
                yield item
                return
            # Before the yield: a client that goes away during it was sent this piece.
            self._sent.take(item)
            yield item

    async def cancel(self) -> None:
        """End the upstream call and store what was sent as `cancelled`. Waits until that is done."""
        assert self._reader is not None
        self._reader.cancel()
        await self.ended()

    async def supersede(self) -> None:
        """As `cancel`, because the same message was sent again: another answer takes the place of this one."""
        message = "The same message was sent again before the first word: that request is answered instead."
        self._unwanted = ModelFailed(message, code="superseded", status=409)
        await self.cancel()

    async def ended(self) -> None:
        """Wait until the end of the turn is stored, or could not be."""
        assert self._pump is not None
        await asyncio.shield(self._pump)

    # -- the tasks -----------------------------------------------------------------------------------------------------

    async def _read(self) -> Finish:
        async with aclosing(self._source) as source:
            async for item in source:
                if isinstance(item, Finish):
                    return item
                if self._first_token is None:
                    self._first_token = time.perf_counter()
                self._said.take(item)
                self._queue.put_nowait(item)
                self._begun.set()
        raise ModelFailed("The model's stream ended without saying so.", code="upstream_cut", status=502)

    async def _keep(
        self, durable: "asyncio.Future[None]", reader: "asyncio.Task[Finish]", release: Callable[[], Awaitable[None]]
    ) -> None:
        try:
            with suppress(HeartlineError):  # of `durable`: nothing was stored, and whoever began the turn tells of it
                await durable
                await self._store_end()
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            self._begun.set()
            await release()

    async def _store_end(self) -> None:
        """Store how the turn ended, and tell whoever reads the stream: even of what should never happen."""
        end: Finish | HeartlineError = ModelFailed("The reply could not be stored.", code="server_error", status=500)
        try:
            end = await self._complete()
        except HeartlineError as error:
            end = error
        finally:
            if isinstance(end, HeartlineError) and not self._begun.is_set():
                self._failed_early = end
            self._queue.put_nowait(end)

    async def _complete(self) -> Finish:
        """Store the reply, or that there is none. Raises what the client must be told instead of a Finish."""
        assert self._reader is not None
        await asyncio.wait([self._reader])
        error = None if self._reader.cancelled() else self._reader.exception()
        if isinstance(error, HeartlineError):
            await self._keeper.fail(error)
            raise error
        if error is not None:
            logger.error("the model's adapter failed", exc_info=error)
            failure = ModelFailed("The model's adapter failed.", code="server_error", status=502)
            await self._keeper.fail(failure)
            raise failure from error
        return await self._store_reply(cancelled=self._reader.cancelled())

    async def _store_reply(self, *, cancelled: bool) -> Finish:
        finish, spoken = self._cut_short() if cancelled else self._whole()
        if cancelled and not spoken:
            await self._keeper.fail(self._unwanted)
            raise self._unwanted
        if not spoken:
            await self._keeper.fail(_empty(finish))
            return finish
        said = Said(
            choices=spoken,
            model=finish.model,
            usage=finish.usage,
            first_token=self._first_token,
            ended=time.perf_counter(),
        )
        return replace(finish, usage=await self._keeper.complete(said))

    def _whole(self) -> tuple[Finish, list[Spoken]]:
        assert self._reader is not None
        finish = self._reader.result()
        choices = zip(self._said.choices(len(finish.reasons)), finish.reasons, strict=True)
        return finish, [_spoken(choice, reason) for choice, reason in choices if not choice.blank]

    def _cut_short(self) -> tuple[Finish, list[Spoken]]:
        """What was sent before the client went away. Nobody answers the tools that it called."""
        self._withhold()
        choices = self._sent.choices()
        finish = Finish("cancelled", None, self.model, others=("cancelled",) * (len(choices) - 1))
        return finish, [Spoken(text=said.text, reason="cancelled") for said in choices if said.text.strip()]

    def _withhold(self) -> None:
        """Send nothing more: what is stored of a cancelled reply is what was sent of it."""
        while not self._queue.empty():
            self._queue.get_nowait()


def _spoken(choice: Choice, reason: FinishReason) -> Spoken:
    return Spoken(text=choice.text, reason=reason, tool_calls=choice.tool_calls)


def _empty(finish: Finish) -> ModelFailed:
    """Why a turn whose reply has no text is stored as failed: an empty message would be remembered as one. The client
    is told the model's own reason all the same."""
    if finish.reason == "content_filter":
        return ModelFailed("The model's provider withheld the reply.", code="content_filter", status=502)
    return ModelFailed("The model ended without a word.", code="empty_reply", status=502)
