"""The composition root's part about language models: settings in, models out. Calls adapters' constructors, as it does.

Each SDK takes half a second to import, or more: only the one that is configured is imported.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from api.adapters.calls import Patience
from api.adapters.gemini_access import GeminiAccess
from api.adapters.offline import OfflineModel
from api.model_settings import ModelSettings
from api.ports import ChatModel, ReadImage
from domain.budget import TokenCounter

SUMMARIES_AT_ONCE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The model of the turns, and the same for the summaries: its calls take no turn's place. Closing the one closes
    the other."""

    answering: ChatModel
    summarising: ChatModel


def models(
    settings: ModelSettings,
    tokens: TokenCounter,
    read_image: ReadImage | None = None,
    *,
    patience: Patience | None = None,
) -> Models:
    """The models that the settings name."""
    match settings.provider:
        case "offline":
            offline = OfflineModel(tokens=tokens, delay_seconds=settings.offline_delay_seconds)
            return Models(answering=offline, summarising=offline)
        case "openai":
            from api.adapters.openai_upstream import OPENAI, OpenAiUpstream

            model = OpenAiUpstream(
                default=settings.openai_model,
                base_url=settings.openai_base_url or OPENAI,
                api_key=_told(settings.openai_api_key),
                patience=patience,
                read_image=read_image,
            )
        case "gemini":
            from api.adapters.gemini import GeminiModel

            model = GeminiModel(_access(settings), patience=patience, read_image=read_image)
        case "google-generativeai":
            from api.adapters.google_generativeai import GoogleGenerativeAiModel

            model = GoogleGenerativeAiModel(_access(settings), patience=patience, read_image=read_image)
    return Models(answering=model, summarising=model.aside(SUMMARIES_AT_ONCE))


def _access(settings: ModelSettings) -> GeminiAccess:
    return GeminiAccess(
        default=settings.gemini_model,
        api_key=_told(settings.gemini_api_key) or "",
        base_url=settings.gemini_base_url,
        safety=settings.gemini_safety_threshold,
    )


def _told(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
