"""What every ChatModel promises that asks a server elsewhere: by its real SDK, over real HTTP, of a fake server.

A subclass says which server that is, in which words it answers (a module of fake answers), and how to connect to it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Protocol, cast

import pytest

from api.adapters.calls import Patience
from api.ports import ChatModel
from tests.asking import HASTY, HELLO, failure
from tests.contracts.chat_model_contract import ChatModelContract, answer, ask
from tests.upstream import Answer, FakeUpstream, Request

HUGE = 100
"""Pieces of a huge reply, each of 5,200 characters."""


class Answers(Protocol):
    """Answers in one provider's words."""

    def reply(self, *pieces: str, gap: float = 0) -> Answer: ...
    def refusal(self, status: int, *, headers: Mapping[str, str] | None = None) -> Answer: ...
    def cut(self, *pieces: str) -> Answer: ...
    def hanging(self, *pieces: str) -> Answer: ...
    def failing_inside(self, *pieces: str) -> Answer: ...
    def blocked(self) -> Answer: ...
    def withheld(self, *pieces: str) -> Answer: ...
    def nothing(self) -> Answer: ...
    def unfinished(self, *pieces: str) -> Answer: ...


Connect = Callable[[Patience], ChatModel]


class RemoteModelContract(ChatModelContract):
    answers: Answers

    @pytest.fixture
    def server(self) -> Iterator[FakeUpstream]:
        raise NotImplementedError

    def connect(self, server: FakeUpstream, patience: Patience) -> ChatModel:
        """The adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    async def model(self, server: FakeUpstream) -> AsyncIterator[ChatModel]:
        server.will(self.answers.reply("Hello", " there", ".", gap=0.005))
        model = self.connect(server, HASTY)
        yield model
        await model.close()

    @pytest.fixture
    def refusing(self, model: ChatModel, server: FakeUpstream) -> Any:
        server.will(self.answers.refusal(503))
        return model, {}

    # -- before the first word -----------------------------------------------------------------------------------------

    async def test_the_wait_is_as_long_as_the_server_asks(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.refusal(429, headers={"Retry-After": "0.3"}), self.answers.reply("Now"))

        started = time.perf_counter()
        text, _ = await answer(model)

        assert text == "Now"
        assert time.perf_counter() - started >= 0.3

    async def test_a_wait_too_long_is_left_to_the_caller(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.refusal(429, headers={"Retry-After": "600"}))

        _, failed = await failure(model)

        assert (failed.status, failed.code, failed.retry_after) == (429, "rate_limit_exceeded", 600)
        assert len(server.requests) == 1

    async def test_two_failures_and_then_an_answer_is_an_answer(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.refusal(503), self.answers.refusal(503), self.answers.reply("At last"))

        text, _ = await answer(model)

        assert (text, len(server.requests)) == ("At last", 3)

    async def test_a_server_that_is_never_well_is_asked_three_times(
        self, model: ChatModel, server: FakeUpstream
    ) -> None:
        server.will(self.answers.refusal(503))

        pieces, failed = await failure(model)

        assert (pieces, failed.status, failed.code) == ([], 503, "upstream_unavailable")
        assert len(server.requests) == 3

    async def test_silence_ends_by_the_time_out(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.hanging())

        started = time.perf_counter()
        pieces, failed = await failure(model)

        assert (pieces, failed.status, failed.code) == ([], 503, "upstream_unavailable")
        assert len(server.requests) == 3
        assert time.perf_counter() - started < 5

    async def test_a_server_that_is_not_there_is_unavailable(self, server: FakeUpstream) -> None:
        with type(server)() as gone:
            model = self.connect(gone, HASTY)
        _, failed = await failure(model)
        await model.close()

        assert (failed.status, failed.code) == (503, "upstream_unavailable")

    async def test_our_own_key_being_wrong_is_no_fault_of_the_client(
        self, model: ChatModel, server: FakeUpstream
    ) -> None:
        server.will(self.answers.refusal(403))

        _, failed = await failure(model)

        assert (failed.status, failed.code, len(server.requests)) == (502, "upstream_auth", 1)

    # -- in the middle -------------------------------------------------------------------------------------------------

    async def test_a_stream_cut_half_way_is_never_tried_again(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.cut("Once", " upon"))

        pieces, failed = await failure(model)

        assert (pieces, failed.status, failed.code) == (["Once", " upon"], 502, "upstream_cut")
        assert len(server.requests) == 1

    async def test_silence_in_the_middle_is_a_cut(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.hanging("Once", " upon"))

        pieces, failed = await failure(model)

        assert (pieces, failed.code, len(server.requests)) == (["Once", " upon"], "upstream_cut", 1)

    async def test_a_stream_that_ends_before_the_reply_does_is_a_cut(
        self, model: ChatModel, server: FakeUpstream
    ) -> None:
        server.will(self.answers.unfinished("Once", " upon"))

        pieces, failed = await failure(model)

        assert (pieces, failed.code, len(server.requests)) == (["Once", " upon"], "upstream_cut", 1)

    async def test_an_error_inside_the_stream_is_told(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.failing_inside("Once", " upon"))

        pieces, failed = await failure(model)

        assert (pieces, failed.status, failed.code) == (["Once", " upon"], 502, "upstream_error")
        assert len(server.requests) == 1

    # -- what is said --------------------------------------------------------------------------------------------------

    async def test_a_blocked_prompt_is_a_content_filter(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.blocked())

        text, finish = await answer(model)

        assert (text, finish.reason) == ("", "content_filter")

    async def test_a_reply_that_is_withheld_half_way_keeps_what_was_said(
        self, model: ChatModel, server: FakeUpstream
    ) -> None:
        server.will(self.answers.withheld("Once", " upon"))

        text, finish = await answer(model)

        assert (text, finish.reason) == ("Once upon", "content_filter")

    async def test_a_stream_without_candidates_is_a_content_filter(
        self, model: ChatModel, server: FakeUpstream
    ) -> None:
        server.will(self.answers.nothing())

        text, finish = await answer(model)

        assert (text, finish.reason) == ("", "content_filter")

    async def test_a_huge_reply_comes_whole(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.reply(*["Ça va bien ✓ " * 400] * HUGE))

        text, finish = await answer(model)

        assert (text, finish.reason) == ("Ça va bien ✓ " * 400 * HUGE, "stop")

    async def test_usage_is_the_servers(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.reply("Hello"))

        _, finish = await answer(model)

        assert finish.model == "fake-1"
        assert finish.usage is not None
        assert (finish.usage["input_tokens"], finish.usage["output_tokens"]) == (21, 8)
        assert (finish.usage["cached_tokens"], finish.usage["estimated"]) == (4, False)

    async def test_the_models_are_the_servers_and_the_default(self, model: ChatModel, server: FakeUpstream) -> None:
        server.models = ["other-1", "other-2"]
        listed = await model.models()
        server.models = []
        fallen_back = await model.models()

        assert listed == ["fake-1", "other-1", "other-2"]
        assert fallen_back == ["fake-1"]

    # -- a client that goes away ---------------------------------------------------------------------------------------

    @pytest.mark.parametrize("pieces", [(), ("Once",)])
    async def test_cancelling_the_reader_hangs_up(
        self, server: FakeUpstream, patient: ChatModel, pieces: tuple[str, ...]
    ) -> None:
        server.will(self.answers.hanging(*pieces))
        reader = asyncio.create_task(answer(patient))
        request = await first_request(server)
        await asyncio.sleep(0.05)

        reader.cancel()

        assert await within_a_second(request)
        await asyncio.wait([reader])

    async def test_closing_the_stream_hangs_up(self, server: FakeUpstream, patient: ChatModel) -> None:
        server.will(self.answers.hanging("Once"))

        async with aclosing(cast(Any, ask(patient))) as items:
            await anext(items)

        assert await within_a_second(server.requests[0])

    async def test_cancelling_a_reader_busy_elsewhere_hangs_up(self, server: FakeUpstream, patient: ChatModel) -> None:
        server.will(self.answers.hanging("Once"))
        reader = asyncio.create_task(_read_slowly(patient, asyncio.Event().wait))
        request = await first_request(server)
        await asyncio.sleep(0.05)

        reader.cancel()

        assert await within_a_second(request)
        await asyncio.wait([reader])

    async def test_no_more_than_five_calls_are_under_way(self, server: FakeUpstream, patient: ChatModel) -> None:
        server.will(self.answers.hanging("Once"))
        readers = [asyncio.create_task(answer(patient)) for _ in range(7)]
        await asyncio.sleep(0.4)
        under_way = len(server.requests)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)

        assert under_way == 5

    @pytest.fixture
    async def patient(self, server: FakeUpstream) -> AsyncIterator[ChatModel]:
        """The adapter, that would wait for minutes."""
        model = self.connect(server, Patience())
        yield model
        await model.close()


async def _read_slowly(model: ChatModel, wait: Callable[[], Awaitable[object]]) -> None:
    async with aclosing(model.stream(HELLO, model=model.default, parameters={})) as items:
        async for _ in items:
            await wait()


async def within_a_second(request: Request) -> bool:
    return await asyncio.to_thread(request.hung_up.wait, 1)


async def first_request(server: FakeUpstream) -> Request:
    async with asyncio.timeout(5):
        while not server.requests:  # noqa: ASYNC110 - another thread fills the list
            await asyncio.sleep(0.01)
    return server.requests[0]
