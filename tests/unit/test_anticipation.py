"""A text is encoded from the moment it is anticipated, and given once to whoever asks for it."""

import asyncio
import gc
from collections.abc import Sequence

import numpy as np
import pytest

from api.chat.anticipation import AnticipatingEncoder
from api.ports import Encoding
from domain.errors import Unavailable


class NotingEncoder:
    """Notes what it is asked; answers when it is let, or fails."""

    id = "noting"
    dimensions = 1

    def __init__(self, *, error: Unavailable | None = None) -> None:
        self.asked: list[list[str]] = []
        self.let = asyncio.Event()
        self.cancelled = 0
        self._error = error

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        self.asked.append(list(texts))
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._error is not None:
            raise self._error
        return [Encoding(np.array([[len(text)]], np.float16)) for text in texts]


def lengths(encodings: Sequence[Encoding]) -> list[float]:
    return [float(encoding.parts[0][0]) for encoding in encodings]


async def test_what_is_anticipated_is_encoded_before_it_is_asked_for() -> None:
    noting = NotingEncoder()
    encoder = AnticipatingEncoder(noting)
    noting.let.set()

    with encoder.anticipating("tea"):
        await asyncio.sleep(0)
        assert noting.asked == [["tea"]]
        assert lengths(await encoder.encode(["cakes", "tea", "an attic"])) == [5, 3, 8]

    assert noting.asked == [["tea"], ["cakes", "an attic"]]
    assert (encoder.id, encoder.dimensions) == ("noting", 1)


async def test_two_that_fail_together_are_one_failure_and_no_stray_task() -> None:
    noting = NotingEncoder(error=Unavailable("The encoder is away."))
    encoder = AnticipatingEncoder(noting)
    strays: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: strays.append(str(context["message"])))
    noting.let.set()

    with encoder.anticipating("tea"), encoder.anticipating("Where is the tea?"):
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await encoder.encode(["tea", "Where is the tea?"])
    gc.collect()

    assert noting.asked == [["tea"], ["Where is the tea?"], []]
    assert strays == []


async def test_what_was_given_is_encoded_anew_the_next_time() -> None:
    noting = NotingEncoder()
    encoder = AnticipatingEncoder(noting)
    noting.let.set()

    with encoder.anticipating("tea"):
        await encoder.encode(["tea"])
        await encoder.encode(["tea"])
    await encoder.encode(["tea"])

    assert [asked for asked in noting.asked if asked] == [["tea"], ["tea"], ["tea"]]


async def test_two_who_anticipate_the_same_are_served_apart() -> None:
    noting = NotingEncoder()
    encoder = AnticipatingEncoder(noting)
    noting.let.set()

    with encoder.anticipating("tea"), encoder.anticipating("tea"):
        assert lengths([*await encoder.encode(["tea"]), *await encoder.encode(["tea"])]) == [3, 3]

    assert [asked for asked in noting.asked if asked] == [["tea"], ["tea"]]


async def test_what_nobody_asked_for_is_dropped_at_the_end() -> None:
    noting = NotingEncoder()

    with AnticipatingEncoder(noting).anticipating("tea"):
        await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert noting.cancelled == 1


async def test_a_failure_is_raised_where_the_text_is_asked_for_and_nowhere_else() -> None:
    noting = NotingEncoder(error=Unavailable("The model is gone."))
    encoder = AnticipatingEncoder(noting)
    noting.let.set()

    with encoder.anticipating("tea"), encoder.anticipating("cakes"):
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await encoder.encode(["tea"])
