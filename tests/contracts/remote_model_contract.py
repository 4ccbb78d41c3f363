"""What every ChatModel promises that asks a server elsewhere: by its real SDK, over real HTTP, of a fake server.

A subclass says which server that is, in which words it answers (a module of fake answers), and how to connect to it.
"""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Protocol, cast

import pytest

from api.adapters.calls import Patience, RemoteModel
from api.ports import ChatModel, Delta, Finish, ModelFailed, ToolCallDelta
from domain.events import ReplyCompleted
from domain.records import JsonObject, NeutralMessage
from tests.asking import HASTY, HELLO, failure
from tests.asking import ask as whole
from tests.contracts.chat_model_contract import ChatModelContract, answer, ask
from tests.system import Outside, system
from tests.turn_fakes import of_kind, transcript
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
    def calling(self, name: str, arguments: Mapping[str, Any]) -> Answer: ...


Connect = Callable[[Patience], ChatModel]


WEATHER: Final[JsonObject] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": ["integer", "null"]}},
            "required": ["place"],
        },
    },
}
PICTURES: Final = {"abc": b"\x89PNG not really"}


class RemoteModelContract(ChatModelContract):
    answers: Answers

    @pytest.fixture
    def server(self) -> Iterator[FakeUpstream]:
        raise NotImplementedError

    def connect(self, server: FakeUpstream, patience: Patience) -> ChatModel:
        """The adapter under test. It reads images from PICTURES."""
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

    async def test_the_models_are_the_servers(self, model: ChatModel, server: FakeUpstream) -> None:
        server.models = ["other-1", "other-2"]

        assert await model.models() == ["other-1", "other-2"]

    async def test_a_server_that_lists_no_models_is_told_of(self, model: ChatModel, server: FakeUpstream) -> None:
        server.models = []

        with pytest.raises(ModelFailed) as caught:
            await model.models()

        assert (caught.value.code, caught.value.status) == ("upstream_unavailable", 503)

    # -- tools and images ----------------------------------------------------------------------------------------------

    async def test_a_call_of_a_tool_comes_with_its_name_and_arguments(
        self, model: ChatModel, server: FakeUpstream
    ) -> None:
        server.will(self.answers.calling("weather", {"place": "Oslo", "days": 2}))

        items = [item async for item in ask(model, {"tools": [WEATHER], "tool_choice": "required"})]

        calls = [item for item in items[:-1] if isinstance(item, ToolCallDelta)]
        assert len(calls) == len(items) - 1
        assert (calls[0].index, calls[0].name, bool(calls[0].id)) == (0, "weather", True)
        assert json.loads("".join(call.arguments for call in calls)) == {"place": "Oslo", "days": 2}
        assert cast(Finish, items[-1]).reason == "tool_calls"
        sent = json.dumps(server.requests[0].body)
        assert "The weather of a place." in sent
        assert '"place"' in sent

    async def test_what_a_tool_answered_is_passed_on(self, model: ChatModel, server: FakeUpstream) -> None:
        call: JsonObject = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        messages: list[NeutralMessage] = [
            {"role": "user", "content": "Will it rain?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "Pouring all day.", "tool_call_id": "c1"},
        ]
        server.will(self.answers.reply("Take an umbrella."))

        pieces, _ = await whole(model, messages, tools=[WEATHER])

        assert pieces == ["Take an umbrella."]
        assert "Pouring all day." in json.dumps(server.requests[0].body)

    async def test_an_image_is_sent_inside_the_request(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.reply("A cat."))

        pieces, _ = await whole(
            model,
            [{"role": "user", "content": "What is it?", "images": [{"sha256": "abc", "media_type": "image/png"}]}],
        )

        assert pieces == ["A cat."]
        assert b64encode(PICTURES["abc"]).decode() in json.dumps(server.requests[0].body)

    async def test_an_answer_in_json_can_be_asked_for(self, model: ChatModel, server: FakeUpstream) -> None:
        server.will(self.answers.reply("{}"))

        await answer(model, {"response_format": {"type": "json_object"}})

        assert "json" in json.dumps(server.requests[0].body)

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

    async def test_what_a_client_that_goes_away_was_sent_is_stored_as_cancelled(
        self, server: FakeUpstream, patient: ChatModel, tmp_path: Path
    ) -> None:
        server.will(self.answers.hanging("Well, ", "let me "))
        async with system(tmp_path, outside=Outside(model=patient)) as heartline:
            said = await heartline.ask("tea", *transcript("What do you think?"))
            items = said.stream()
            sent = [cast(Delta, await anext(items)).text for _ in range(2)]
            leaving = asyncio.create_task(said.cancel())

            assert await within_a_second(server.requests[0])
            await leaving
            (reply,) = of_kind(heartline, "tea", ReplyCompleted)

        assert "".join(sent) == reply.text == "Well, let me "
        assert reply.finish_reason == "cancelled"

    async def test_no_more_than_five_calls_are_under_way(self, server: FakeUpstream, patient: ChatModel) -> None:
        server.will(self.answers.hanging("Once"))
        readers = [asyncio.create_task(answer(patient)) for _ in range(7)]
        await asyncio.sleep(0.4)
        under_way = len(server.requests)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)

        assert under_way == 5

    async def test_calls_aside_take_no_place_of_the_others(self, server: FakeUpstream, patient: ChatModel) -> None:
        server.will(self.answers.hanging("Once"))
        aside = cast(ChatModel, cast(RemoteModel, patient).aside(1))
        readers = [asyncio.create_task(answer(model)) for model in (*[patient] * 5, aside, aside)]
        await asyncio.sleep(0.4)
        under_way = len(server.requests)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)

        assert under_way == 5 + 1

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
