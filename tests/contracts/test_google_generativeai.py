"""The contract of ChatModel, kept by the adapter of google-generativeai, where that optional extra is installed."""

from collections.abc import Iterator

import pytest

from api.adapters.calls import Patience
from api.ports import ChatModel
from tests import gemini_upstream
from tests.contracts.remote_model_contract import PICTURES, RemoteModelContract
from tests.gemini_upstream import FakeGemini, access
from tests.upstream import FakeUpstream

pytest.importorskip("google.api_core", reason="the extra google-generativeai is not installed")
# The module does not import without the package.
from api.adapters.google_generativeai import GoogleGenerativeAiModel


class TestGoogleGenerativeAiModel(RemoteModelContract):
    answers = gemini_upstream

    @pytest.fixture
    def server(self) -> Iterator[FakeUpstream]:
        with FakeGemini() as server:
            yield server

    def connect(self, server: FakeUpstream, patience: Patience) -> ChatModel:
        return GoogleGenerativeAiModel(access(server), patience=patience, read_image=PICTURES.__getitem__)
