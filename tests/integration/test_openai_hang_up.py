"""The OpenAI adapter lets go of the upstream when its reader leaves, whatever either is doing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing

import pytest

from api.adapters.openai_upstream import OpenAiUpstream
from tests.asking import HELLO, ask
from tests.upstream import (
    Answer,
    FakeUpstream,
    Request,
    hanging,
    reply,
)


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture
async def model(upstream: FakeUpstream) -> AsyncIterator[OpenAiUpstream]:
    adapter = OpenAiUpstream(default="fake-1", base_url=upstream.base_url)
    yield adapter
    await adapter.close()


async def within_a_second(event: Callable[[float], bool]) -> bool:
    return await asyncio.to_thread(event, 1)


async def first_request(upstream: FakeUpstream) -> Request:
    async with asyncio.timeout(2):
        while not upstream.requests:  # noqa: ASYNC110 - another thread fills the list
            await asyncio.sleep(0.01)
    return upstream.requests[0]


@pytest.mark.parametrize("answer", [hanging(), hanging("Once"), reply(*"abcdefgh", gap=0.1)])
async def test_cancelling_the_reader_hangs_up(model: OpenAiUpstream, upstream: FakeUpstream, answer: Answer) -> None:
    upstream.will(answer)
    reader = asyncio.create_task(ask(model))
    request = await first_request(upstream)
    await asyncio.sleep(0.05)

    reader.cancel()

    assert await within_a_second(request.hung_up.wait)
    await asyncio.wait([reader])


async def test_closing_the_stream_hangs_up(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(hanging("Once"))
    async with aclosing(model.stream(HELLO, model="fake-1", parameters={})) as items:
        await anext(items)

    assert await within_a_second(upstream.requests[0].hung_up.wait)


async def test_cancelling_a_reader_busy_elsewhere_hangs_up(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(hanging("Once"))

    async def read_slowly(wait: Callable[[], Awaitable[object]]) -> None:
        async with aclosing(model.stream(HELLO, model="fake-1", parameters={})) as items:
            async for _ in items:
                await wait()

    reader = asyncio.create_task(read_slowly(asyncio.Event().wait))
    request = await first_request(upstream)
    await asyncio.sleep(0.05)
    reader.cancel()

    assert await within_a_second(request.hung_up.wait)
    await asyncio.wait([reader])


async def test_no_more_than_five_calls_are_under_way(model: OpenAiUpstream, upstream: FakeUpstream) -> None:
    upstream.will(hanging("Once"))
    readers = [asyncio.create_task(ask(model)) for _ in range(7)]
    await asyncio.sleep(0.4)
    under_way = len(upstream.requests)
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)

    assert under_way == 5
