"""Requests that can never fit, and those that look as if they could not."""

import pytest

from domain.errors import ContextTooLong, NotFound
from domain.messages import Instruction
from domain.session import session_id
from tests.system import OWNER, System, read
from tests.turn_fakes import FlakyEncoder

LONG = "word " * 20_000
BLANK = "x" * 40_000
"""One word for the tests' counter, whatever its length."""


async def test_a_message_that_never_fits_is_refused_unread(heartline: System, encoder: FlakyEncoder) -> None:
    with pytest.raises(ContextTooLong, match="exceed the context window of 4096"):
        await heartline.ask("tea", heartline.said(LONG))

    assert encoder.texts == []
    with pytest.raises(NotFound):
        await heartline.log.load(session_id(OWNER, "tea"))


async def test_so_are_instructions(heartline: System, encoder: FlakyEncoder) -> None:
    with pytest.raises(ContextTooLong):
        await heartline.ask("tea", Instruction(role="system", text=LONG), heartline.said("Hello"))

    assert encoder.texts == []


async def test_a_long_text_of_few_tokens_is_answered(heartline: System) -> None:
    assert await read(await heartline.ask("tea", heartline.said(BLANK)))


async def test_a_long_history_is_cut_and_not_refused(heartline: System) -> None:
    assert await read(await heartline.ask("tea", heartline.said(LONG), heartline.said("Hello")))
