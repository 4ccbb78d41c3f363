"""A running answer by itself: its tasks, what it keeps, and that its session is let go of in every case."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from api.chat.answers import Facts, RunningAnswer, Said, Spoken
from api.ports import Delta, Finish, ModelFailed, Streamed, ToolCallDelta
from domain.errors import HeartlineError, Unavailable
from domain.records import FinishReason, Usage
from tests.fakes_models import usage

DONE = Finish("stop", None, "fake-1")


class Notebook:
    """A keeper that notes what it is told, or fails with the error it was given."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.said: list[Said] = []
        self.failed: list[HeartlineError] = []
        self._refusal = refusal

    @property
    def texts(self) -> list[str]:
        return [spoken.text for said in self.said for spoken in said.choices]

    async def complete(self, said: Said) -> Usage:
        if self._refusal is not None:
            raise self._refusal
        self.said.append(said)
        return usage(output_tokens=3)

    async def fail(self, error: HeartlineError) -> None:
        self.failed.append(error)


async def says(*items: Streamed | Exception) -> AsyncGenerator[Streamed, None]:
    for item in items:
        await asyncio.sleep(0)
        if isinstance(item, Exception):
            raise item
        yield item


class Running:
    """An answer that was started, and whether its session was let go of."""

    def __init__(
        self, source: AsyncGenerator[Streamed, None], keeper: Notebook, refusal: Exception | None = None
    ) -> None:
        facts = Facts(session="tea", turn="t1", model="fake-1", created=1, left_out=0)
        self.answer = RunningAnswer(facts, source, keeper)
        self.released = asyncio.Event()
        self._refusal = refusal

    def start(self) -> RunningAnswer:
        self.answer.start(asyncio.ensure_future(self._store()), self._release)
        return self.answer

    async def _store(self) -> None:
        await asyncio.sleep(0.005)
        if self._refusal is not None:
            raise self._refusal

    async def _release(self) -> None:
        self.released.set()


async def rest(answer: RunningAnswer) -> list[Streamed]:
    return [item async for item in answer.stream()]


async def test_the_finish_carries_the_usage_that_was_stored() -> None:
    running = Running(says(Delta("Hi"), DONE), notebook := Notebook())

    items = await rest(running.start())

    assert items == [Delta("Hi"), Finish("stop", usage(output_tokens=3), "fake-1")]
    assert notebook.texts == ["Hi"]
    await asyncio.wait_for(running.released.wait(), 1)


@pytest.mark.parametrize(("reason", "code"), [("stop", "empty_reply"), ("content_filter", "content_filter")])
@pytest.mark.parametrize("text", ["", " \n"])
async def test_a_reply_without_a_word_fails_the_turn_and_tells_the_client_why(
    reason: FinishReason, code: str, text: str
) -> None:
    running = Running(says(Delta(text), Finish(reason, None, "fake-1")), notebook := Notebook())
    answer = running.start()

    await answer.begun()

    assert (await rest(answer))[-1] == Finish(reason, None, "fake-1")
    assert ([error.code for error in notebook.failed], notebook.said) == ([code], [])


async def test_a_finish_without_any_delta_is_no_reply_either() -> None:
    running = Running(says(DONE), notebook := Notebook())
    answer = running.start()

    await answer.begun()

    assert await rest(answer) == [DONE]
    assert ([error.code for error in notebook.failed], notebook.said) == (["empty_reply"], [])


async def test_who_leaves_after_blanks_leaves_a_failed_turn() -> None:
    waiting = asyncio.Event()

    async def blank() -> AsyncGenerator[Streamed, None]:
        yield Delta(" ")
        await waiting.wait()

    running = Running(blank(), notebook := Notebook())
    answer = running.start()
    await answer.begun()

    await answer.cancel()

    assert ([error.code for error in notebook.failed], notebook.said) == (["cancelled"], [])


async def test_a_reply_of_calls_alone_is_a_reply() -> None:
    call = ToolCallDelta(id="c1", name="f", arguments="{}")
    running = Running(says(call, Finish("tool_calls", None, "fake-1")), notebook := Notebook())

    assert (await rest(running.start()))[0] == call

    (said,) = notebook.said
    whole = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert said.choices == [Spoken(text="", reason="tool_calls", tool_calls=[whole])]


async def test_of_several_choices_those_that_say_something_are_kept() -> None:
    finish = Finish("content_filter", None, "fake-1", ("stop", "length"))
    running = Running(says(Delta("B", 1), Delta("C", 2), finish), notebook := Notebook())

    await rest(running.start())

    (said,) = notebook.said
    assert [(choice.text, choice.reason) for choice in said.choices] == [("B", "stop"), ("C", "length")]


async def test_who_leaves_leaves_the_words_and_no_calls() -> None:
    waiting = asyncio.Event()

    async def calling() -> AsyncGenerator[Streamed, None]:
        yield Delta("Let me see.")
        yield ToolCallDelta(id="c1", name="f", arguments="{}")
        yield ToolCallDelta(id="c2", name="f", arguments="{}", choice=1)
        await waiting.wait()

    running = Running(calling(), notebook := Notebook())
    answer = running.start()
    async with aclosing(answer.stream()) as stream:
        for _ in range(3):
            await anext(stream)

    await answer.cancel()

    (said,) = notebook.said
    assert said.choices == [Spoken(text="Let me see.", reason="cancelled")]


async def test_a_source_that_stops_without_a_finish_was_cut() -> None:
    running = Running(says(Delta("Hi")), notebook := Notebook())

    with pytest.raises(ModelFailed) as failed:
        await rest(running.start())

    assert failed.value.code == "upstream_cut"
    assert [error.code for error in notebook.failed] == ["upstream_cut"]


async def test_an_adapter_that_breaks_fails_the_turn_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    running = Running(says(ZeroDivisionError()), notebook := Notebook())

    with pytest.raises(ModelFailed) as failed:
        await running.start().begun()

    assert failed.value.code == "server_error"
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert notebook.failed == [failed.value]
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("ERROR", "the model's adapter failed")
    assert line.exc_info is not None
    assert line.exc_info[1] is failed.value.__cause__


async def test_a_keeper_that_breaks_ends_the_stream_and_frees_the_session() -> None:
    running = Running(says(Delta("Hi"), DONE), Notebook(ZeroDivisionError()))
    answer = running.start()

    with pytest.raises(ModelFailed) as failed:
        await rest(answer)

    assert failed.value.code == "server_error"
    with pytest.raises(ZeroDivisionError):
        await answer.ended()
    assert running.released.is_set()


@pytest.mark.parametrize(
    "source", [says(DONE), says(ModelFailed("No.", code="no", status=502))], ids=["done", "failed"]
)
async def test_of_a_turn_that_was_not_stored_nothing_is_kept(source: AsyncGenerator[Streamed, None]) -> None:
    running = Running(source, notebook := Notebook(), refusal=Unavailable("full"))
    answer = running.start()

    with pytest.raises(Unavailable):
        await answer.stored()
    await answer.ended()

    assert (notebook.said, notebook.failed) == ([], [])
    assert running.released.is_set()


async def test_a_store_that_breaks_frees_the_session_too() -> None:
    running = Running(says(DONE), Notebook(), refusal=ZeroDivisionError())
    answer = running.start()

    with pytest.raises(ZeroDivisionError):
        await answer.stored()
    with pytest.raises(ZeroDivisionError):
        await answer.ended()

    assert running.released.is_set()


async def test_who_waits_for_the_store_does_not_take_it_along_when_leaving() -> None:
    running = Running(says(Delta("Hi"), DONE), notebook := Notebook())
    answer = running.start()
    waiting = asyncio.create_task(answer.stored())
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])
    await answer.ended()

    assert notebook.texts == ["Hi"]
