"""Which language model answers, and how it is reached: the part of the settings that is about models."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from api.ports import Provider
from api.prices import price_list

SafetyThreshold = Literal["off", "block_none", "block_only_high", "block_medium_and_above", "block_low_and_above"]


class ModelSettings(BaseSettings):
    """The provider in force is the one named, else the one whose key or address is set, Gemini first, else offline."""

    model_provider: Provider | None = Field(
        None,
        description="Who answers: gemini, google-generativeai, openai or offline. Unset: gemini when GEMINI_API_KEY is "
        "set, else openai when OPENAI_API_KEY or OPENAI_BASE_URL is, else offline.",
    )
    gemini_api_key: SecretStr | None = Field(None, description="Key for Google's Gemini.")
    gemini_base_url: str | None = Field(
        None, description="Address of a service that speaks as Gemini does, without a version; unset is Google's own."
    )
    gemini_model: str = Field("gemini-3.5-flash-lite", description="Gemini model asked when a request names none.")
    gemini_safety_threshold: SafetyThreshold | None = Field(
        None, description="From which severity on Gemini withholds text, in all its categories; unset is Google's own."
    )
    openai_api_key: SecretStr | None = Field(
        None, description="Key for the OpenAI-compatible service; local ones need none."
    )
    openai_base_url: str | None = Field(
        None, description="Base URL of the OpenAI-compatible service, with its /v1; unset is OpenAI's own."
    )
    openai_model: str = Field("gpt-4o-mini", description="Model asked when a request names none.")
    offline_delay_seconds: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Pause after each word of the offline model's replies, so that they are seen to stream.",
    )
    price_file: Path | None = Field(
        None, description="JSON file of prices by model, which go before those that come with the program."
    )

    @property
    def provider(self) -> Provider:
        """The provider in force."""
        if self.model_provider is not None:
            return self.model_provider
        if self.gemini_api_key is not None:
            return "gemini"
        return "openai" if self._upstream_is_set else "offline"

    @property
    def _upstream_is_set(self) -> bool:
        return self.openai_api_key is not None or self.openai_base_url is not None

    @field_validator("openai_base_url", "gemini_base_url")
    @classmethod
    def _base_url_is_http(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^\s/]+\S*", url):
            raise ValueError("should be an address such as http://127.0.0.1:11434/v1")
        return url

    @field_validator("gemini_base_url")
    @classmethod
    def _gemini_address_has_no_version(cls, url: str | None) -> str | None:
        if url is not None and re.search(r"/v\d\w*/?$", url):
            raise ValueError("should be without the version at its end, which is added")
        return url

    @field_validator("gemini_safety_threshold", mode="before")
    @classmethod
    def _threshold_in_any_case(cls, threshold: object) -> object:
        return threshold.lower() if isinstance(threshold, str) else threshold

    @field_validator("price_file")
    @classmethod
    def _price_file_has_prices(cls, file: Path | None) -> Path | None:
        price_list(file)
        return file

    @model_validator(mode="after")
    def _provider_can_be_asked(self) -> Self:
        match self.model_provider:
            case "openai" if not self._upstream_is_set:
                raise ValueError(
                    "MODEL_PROVIDER is 'openai', but neither OPENAI_API_KEY (for OpenAI's own service) nor "
                    "OPENAI_BASE_URL (for a compatible one) is set; without both it should be 'offline'."
                )
            case "gemini" | "google-generativeai" if self.gemini_api_key is None:
                raise ValueError(
                    f"MODEL_PROVIDER is '{self.model_provider}', but GEMINI_API_KEY is not set; without it it should "
                    "be 'offline'."
                )
            case None if self.gemini_base_url is not None and self.gemini_api_key is None:
                raise ValueError(
                    "GEMINI_BASE_URL is set, but GEMINI_API_KEY is not; any word will do where none is asked."
                )
            case "google-generativeai" if not _is_installed("google.generativeai"):
                raise ValueError(
                    "MODEL_PROVIDER is 'google-generativeai', but that package is not installed: install it with "
                    ".venv/bin/pip install google-generativeai==0.8.6, or use 'gemini', which needs nothing more."
                )
            case _:
                return self


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package that it would lie in is not there either
        return False
