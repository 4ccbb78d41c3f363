"""The contract of ChatModel, kept by the fake, the offline model and the OpenAI adapter over real HTTP."""

from collections.abc import AsyncIterator

import pytest

from api.adapters.calls import Patience
from api.adapters.offline import OfflineModel
from api.adapters.openai_upstream import OpenAiUpstream
from api.ports import ChatModel, ModelFailed
from domain.records import JsonObject
from tests.contracts.chat_model_contract import ChatModelContract
from tests.fakes_models import Script, ScriptedModel, WordTokens
from tests.upstream import FakeUpstream, refusal, reply


class TestScriptedModel(ChatModelContract):
    @pytest.fixture
    def model(self) -> ChatModel:
        return ScriptedModel(Script(steps=["Hello", " there", "."]))

    @pytest.fixture
    def refusing(self) -> tuple[ChatModel, JsonObject]:
        failure = ModelFailed("busy", code="rate_limit_exceeded", status=429, retry_after=1)
        return ScriptedModel(Script(steps=[failure])), {}


class TestOfflineModel(ChatModelContract):
    @pytest.fixture
    def model(self) -> ChatModel:
        return OfflineModel(tokens=WordTokens(), delay_seconds=0.001)

    @pytest.fixture
    def refusing(self) -> tuple[ChatModel, JsonObject]:
        return OfflineModel(tokens=WordTokens()), {"response_format": {"type": "json_object"}}


class TestOpenAiUpstream(ChatModelContract):
    @pytest.fixture
    async def model(self) -> AsyncIterator[ChatModel]:
        with FakeUpstream() as upstream:
            upstream.will(reply("Hello", " there", ".", gap=0.005))
            adapter = OpenAiUpstream(default="fake-1", base_url=upstream.base_url)
            yield adapter
            await adapter.close()

    @pytest.fixture
    async def refusing(self) -> AsyncIterator[tuple[ChatModel, JsonObject]]:
        with FakeUpstream() as upstream:
            upstream.will(refusal(503))
            adapter = OpenAiUpstream(default="fake-1", base_url=upstream.base_url, patience=Patience(backoff=0.001))
            yield adapter, {}
            await adapter.close()
