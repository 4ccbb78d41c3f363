"""Asking a chat model in tests of the OpenAI adapter: for the whole reply, or for the failure."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from api.adapters.calls import Patience
from api.ports import ChatModel, Delta, Finish, ModelFailed
from domain.records import NeutralMessage

HELLO: list[NeutralMessage] = [{"role": "user", "content": "Hello?"}]
HASTY = Patience(backoff=0.001, read=0.3)


async def ask(
    model: ChatModel, messages: Sequence[NeutralMessage] = HELLO, **parameters: Any
) -> tuple[list[str], Finish]:
    """The pieces of the whole reply, and how it finished."""
    *pieces, finish = [item async for item in model.stream(messages, model="fake-1", parameters=parameters)]
    assert isinstance(finish, Finish)
    return [cast(Delta, piece).text for piece in pieces], finish


async def failure(model: ChatModel) -> tuple[list[str], ModelFailed]:
    """What came before the failure, and the failure."""
    pieces: list[str] = []
    try:
        async for item in model.stream(HELLO, model="fake-1", parameters={}):
            pieces.append(cast(Delta, item).text)
    except ModelFailed as failed:
        return pieces, failed
    pytest.fail("The model did not fail.")
