"""What every ChatModel promises, whoever answers behind it. Subclasses say how to get one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast, get_args

import pytest

from api.ports import ChatModel, Delta, Finish, ModelFailed, Provider, Streamed
from domain.records import JsonObject, NeutralMessage

QUESTION: list[NeutralMessage] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


def ask(model: ChatModel, parameters: JsonObject | None = None) -> AsyncIterator[Streamed]:
    return model.stream(QUESTION, model=model.default, parameters=parameters or {})


async def answer(model: ChatModel, parameters: JsonObject | None = None) -> tuple[str, Finish]:
    """The whole reply; fails when anything but deltas and one last Finish comes."""
    *pieces, finish = [item async for item in ask(model, parameters)]
    assert isinstance(finish, Finish)
    return "".join(cast(Delta, piece).text for piece in pieces), finish


class ChatModelContract:
    @pytest.fixture
    def model(self) -> Any:
        """A ChatModel that answers more than one word to anything."""
        raise NotImplementedError

    @pytest.fixture
    def refusing(self) -> Any:
        """A ChatModel and parameters with which it fails before its first word."""
        raise NotImplementedError

    async def test_a_stream_is_pieces_of_text_and_then_one_finish(self, model: ChatModel) -> None:
        items = [item async for item in ask(model)]

        assert len(items) > 2
        assert all(isinstance(item, Delta) and item.text for item in items[:-1])
        assert isinstance(items[-1], Finish)

    async def test_the_finish_names_reason_and_model(self, model: ChatModel) -> None:
        _, finish = await answer(model)

        assert finish.reason == "stop"
        assert finish.model

    async def test_usage_counts_tokens_or_is_absent(self, model: ChatModel) -> None:
        _, finish = await answer(model)

        assert finish.usage is None or min(finish.usage["input_tokens"], finish.usage["output_tokens"]) > 0

    async def test_the_provider_is_one_that_settings_know(self, model: ChatModel) -> None:
        assert model.provider in get_args(Provider)

    async def test_streams_side_by_side_do_not_mix(self, model: ChatModel) -> None:
        alone, _ = await answer(model)
        together = await asyncio.gather(*(answer(model) for _ in range(8)))

        assert [text for text, _ in together] == [alone] * 8

    async def test_a_stream_left_early_leaves_the_model_usable(self, model: ChatModel) -> None:
        async with aclosing(cast(Any, ask(model))) as items:
            await anext(items)

        text, _ = await answer(model)
        assert text

    async def test_a_cancelled_reader_ends_within_a_second(self, model: ChatModel) -> None:
        reader = asyncio.create_task(answer(model))
        await asyncio.sleep(0.02)
        started = time.perf_counter()
        reader.cancel()
        await asyncio.wait([reader])

        assert time.perf_counter() - started < 1
        assert (await answer(model))[0]

    async def test_a_failure_says_code_and_status_before_any_text(self, refusing: tuple[ChatModel, JsonObject]) -> None:
        model, parameters = refusing
        with pytest.raises(ModelFailed) as failure:
            await anext(ask(model, parameters))

        assert failure.value.code
        assert 400 <= failure.value.status < 600
