"""The contract of ChatModel, kept by the fake, the offline model, and the adapters of models elsewhere over HTTP."""

from collections.abc import Iterator

import pytest

from api.adapters.calls import Patience
from api.adapters.gemini import GeminiModel
from api.adapters.offline import OfflineModel
from api.adapters.openai_upstream import OpenAiUpstream
from api.ports import ChatModel, ModelFailed
from domain.records import JsonObject
from tests import gemini_upstream, upstream
from tests.contracts.chat_model_contract import ChatModelContract
from tests.contracts.remote_model_contract import PICTURES, RemoteModelContract
from tests.fakes_models import Script, ScriptedModel, WordTokens
from tests.gemini_upstream import FakeGemini, access
from tests.upstream import FakeUpstream


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


class TestOpenAiUpstream(RemoteModelContract):
    answers = upstream

    @pytest.fixture
    def server(self) -> Iterator[FakeUpstream]:
        with FakeUpstream() as server:
            yield server

    def connect(self, server: FakeUpstream, patience: Patience) -> ChatModel:
        return OpenAiUpstream(
            default="fake-1", base_url=server.base_url, patience=patience, read_image=PICTURES.__getitem__
        )


class TestGeminiModel(RemoteModelContract):
    answers = gemini_upstream

    @pytest.fixture
    def server(self) -> Iterator[FakeUpstream]:
        with FakeGemini() as server:
            yield server

    def connect(self, server: FakeUpstream, patience: Patience) -> ChatModel:
        return GeminiModel(access(server), patience=patience, read_image=PICTURES.__getitem__)
