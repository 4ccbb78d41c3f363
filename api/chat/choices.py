"""Several choices of one reply (`n`), whoever answers: of a model that gives fewer than asked, more is asked.

    n = 3    model(n=3) -> choice 0, Finish   then   model() -> choice 1 ┐
                                                     model() -> choice 2 ┴-> one Finish for all

That a model gives one at a time is remembered, and the next time all are asked for side by side.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from api.ports import ChatModel, Finish, ModelFailed, Streamed
from domain.records import JsonObject, NeutralMessage, Usage

logger = logging.getLogger(__name__)

MOST_CHOICES: Final = 16
"""What one request may ask for."""


class Choices:
    """Asks a model for as many choices as a request wants."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._single: set[str] = set()

    def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        """As the model's own stream, with `n` choices. Fails as the first choice fails; a further one that fails ends
        where it was, as `cancelled`."""
        wanted = parameters.get("n")
        if not isinstance(wanted, int) or wanted == 1:
            return self._model.stream(messages, model=model, parameters=parameters)
        return self._several(messages, wanted, model=model, parameters=parameters)

    async def _several(
        self, messages: Sequence[NeutralMessage], wanted: int, *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        end: Finish | None = None
        if model not in self._single:
            async with aclosing(self._at_once(messages, model=model, parameters=parameters)) as items:
                async for item in items:
                    if isinstance(item, Finish):
                        end = item
                    else:
                        yield item
        given = len(end.reasons) if end is not None else 0
        one = {name: value for name, value in parameters.items() if name != "n"}
        asked = [self._model.stream(messages, model=model, parameters=one) for _ in range(given, wanted)]
        ends: dict[int, Finish | ModelFailed] = {}
        async with aclosing(_side_by_side(asked)) as further:
            async for place, item in further:
                if isinstance(item, ModelFailed) and given + place == 0:
                    raise item
                if isinstance(item, Finish | ModelFailed):
                    ends[place] = item
                else:
                    yield replace(item, choice=given + place)
        if given < wanted:
            self._single.add(model)
        yield _joined([*([end] if end is not None else []), *(ends[place] for place in sorted(ends))])

    async def _at_once(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        """All choices by one call; nothing where it is refused, which may be for `n` alone."""
        begun = False
        try:
            async with aclosing(self._model.stream(messages, model=model, parameters=parameters)) as items:
                async for item in items:
                    begun = True
                    yield item
        except ModelFailed as error:
            if begun or error.status != 400:
                raise


async def _side_by_side(
    streams: Sequence[AsyncGenerator[Streamed, None]],
) -> AsyncGenerator[tuple[int, Streamed | ModelFailed], None]:
    """The streams' items as they come, each with its stream's place; the last of each is its Finish or failure."""
    items: asyncio.Queue[tuple[int, Streamed | None]] = asyncio.Queue()
    readers = [asyncio.create_task(_read(stream, place, items)) for place, stream in enumerate(streams)]
    running = set(range(len(readers)))
    try:
        while running:
            place, item = await items.get()
            if place not in running:
                continue
            if item is None or isinstance(item, Finish):
                running.remove(place)
            yield place, item or await _failure(readers[place])
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read(
    stream: AsyncGenerator[Streamed, None], place: int, items: "asyncio.Queue[tuple[int, Streamed | None]]"
) -> None:
    try:
        async with aclosing(stream):
            async for item in stream:
                items.put_nowait((place, item))
    finally:
        items.put_nowait((place, None))


async def _failure(reader: "asyncio.Task[None]") -> ModelFailed:
    """Why the reader ended without a Finish. Raises what is no failure of the model."""
    try:
        await reader
    except ModelFailed as error:
        return error
    return ModelFailed("The model's stream ended without saying so.", code="upstream_cut", status=502)


def _joined(ends: Sequence[Finish | ModelFailed]) -> Finish:
    """One end for all choices, of which the first did not fail."""
    whole, *further = ends
    assert isinstance(whole, Finish)
    for end in further:
        if isinstance(end, ModelFailed):
            logger.warning("a further choice failed: %s", end.code)
            whole = replace(whole, usage=None, others=(*whole.others, "cancelled"))
        else:
            whole = replace(whole, usage=_sum(whole.usage, end.usage), others=(*whole.others, end.reason))
    return whole


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    """Tokens of both; unknown where either is."""
    if one is None or other is None:
        return None
    return Usage(
        input_tokens=one["input_tokens"] + other["input_tokens"],
        output_tokens=one["output_tokens"] + other["output_tokens"],
        cached_tokens=one["cached_tokens"] + other["cached_tokens"],
        reasoning_tokens=one["reasoning_tokens"] + other["reasoning_tokens"],
        estimated=one["estimated"] or other["estimated"],
    )
