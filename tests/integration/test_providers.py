"""Which adapter the settings choose, and that summaries ask it by slots of their own."""

import importlib.util
from pathlib import Path

import pytest

from api.providers import models
from api.settings import load_settings
from tests.fakes_models import WordTokens

EXTRA = pytest.mark.skipif(
    importlib.util.find_spec("google.api_core") is None, reason="the extra google-generativeai is not installed"
)


@pytest.mark.parametrize("provider", ["openai", "gemini", pytest.param("google-generativeai", marks=EXTRA)])
async def test_the_provider_named_is_the_one_that_answers_and_summarises(
    provider: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(model_provider=provider, gemini_api_key="AIza-1", openai_api_key="sk-1")

    asked = models(settings, WordTokens())
    await asked.answering.close()

    assert asked.answering.provider == asked.summarising.provider == provider
    assert asked.answering.default == asked.summarising.default
    assert asked.summarising is not asked.answering


def test_offline_there_is_nothing_to_be_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    asked = models(load_settings(model_provider="offline"), WordTokens())

    assert asked.answering is asked.summarising
