"""What can be set from outside: one class, read once at start from the environment and `.env`.

Only the command line and the composition root know it; the core takes values. Nothing is read at import. A variable
that is set to nothing counts as not set.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, Self, cast

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from api.access.key_file import KeyFile
from api.border_settings import REQUESTS_A_MINUTE, BorderSettings
from api.model_settings import ModelSettings
from api.recall_settings import RecallSettings
from api.watch_settings import WatchSettings

KEY_FILE: Final = "api-keys"
"""Name of the key file in DATA_DIR."""

POSTGRESQL: Final = ("postgresql://", "postgres://")

Percent = Annotated[int, Field(ge=0, le=100)]

EmbeddingModel = Literal["minilm-l6-v2", "minilm-l6-v2-int8"]

DEFAULT_EMBEDDING_MODEL: Final[EmbeddingModel] = "minilm-l6-v2-int8"

SECRETS = frozenset({"OPENAI_API_KEY", "GEMINI_API_KEY", "HEARTLINE_API_KEYS", "REDIS_URL"})


MASK: Final = "**********"


class SettingsError(Exception):
    """One sentence for whoever starts the server: the variable, its value (never a secret) and what is allowed."""


class Settings(BorderSettings, ModelSettings, RecallSettings, WatchSettings):
    """Every setting, valid and fit to start with. The variable is the field's name in capitals.

    Those of the borders, of the language models, of recall and of what is seen of a running server stand in classes of
    their own, to be read by themselves.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    data_dir: Path = Field(
        Path("data"),
        validation_alias=AliasChoices("DATA_DIR", "DB_PATH"),
        description="Folder of the event log and the views, made when missing. DB_PATH is another name for it.",
    )
    event_log: str = Field(
        "", description="Where the event log lies: a postgresql:// URL; empty is SQLite in DATA_DIR."
    )
    encryption: Literal["off"] = Field("off", description="Whether what is kept is encrypted; off is all there is yet.")

    embedding_model: EmbeddingModel = Field(
        DEFAULT_EMBEDDING_MODEL,
        description="Model that turns texts into vectors: minilm-l6-v2 as published, or with its weights as int8.",
    )
    emotion_detector: Literal["goemotions", "keywords"] = Field(
        "goemotions",
        description="What reads the emotion of a message: goemotions (by the embedding's forward pass) or keywords.",
    )

    context_window_tokens: int = Field(
        4096, ge=256, le=2_000_000, description="Tokens that a context and its reply may take together."
    )
    system_token_percent: Percent = Field(
        20, description="Share of the window for persona and instructions, in percent."
    )
    rag_token_percent: Percent = Field(25, description="Share of the window for recalled memories, in percent.")
    history_token_percent: Percent = Field(35, description="Share of the window for the dialogue so far, in percent.")
    response_token_percent: Percent = Field(20, description="Share of the window kept free for the reply, in percent.")
    max_working_memory_size: int = Field(
        0, ge=0, description="Messages of history kept in the window, at most; 0 is as many as fit."
    )
    summarize_after_messages: int = Field(20, ge=2, description="Messages after which the next summary is written.")

    @property
    def key_file(self) -> Path:
        """Where hashed API keys are kept."""
        return self.heartline_api_keys_file or self.data_dir / KEY_FILE

    @property
    def has_keys(self) -> bool:
        """Whether only those with a key are let in. Raises ValueError or OSError for a key file that is none."""
        return bool(self.keys or KeyFile(self.key_file).read())

    @property
    def requests_a_minute(self) -> int | None:
        """For each owner; None is no limit."""
        if self.rate_limit_requests_per_minute is None:
            return REQUESTS_A_MINUTE if self.has_keys else None
        return self.rate_limit_requests_per_minute or None

    @field_validator("data_dir")
    @classmethod
    def _data_dir_is_no_file(cls, folder: Path) -> Path:
        if folder.exists() and not folder.is_dir():
            raise ValueError("should be a folder, and there is a file of that name")
        return folder

    @field_validator("event_log")
    @classmethod
    def _event_log_is_known(cls, log: str) -> str:
        if log and not log.startswith(POSTGRESQL):
            raise ValueError("should be a postgresql:// URL, or empty (SQLite in DATA_DIR)")
        return log

    @field_validator("encryption", mode="before")
    @classmethod
    def _encryption_is_off(cls, encryption: object) -> object:
        if isinstance(encryption, str) and encryption.lower() == "on":
            raise ValueError("should be 'off': encrypted sessions come with a later release")
        return encryption.lower() if isinstance(encryption, str) else encryption

    @model_validator(mode="after")
    def _strangers_need_keys(self) -> Self:
        try:
            closed = self.has_keys
        except (ValueError, OSError) as error:
            raise ValueError(f"HEARTLINE_API_KEYS_FILE is '{self.key_file}', but cannot be read: {error}.") from None
        if not closed and not self.is_loopback:
            raise ValueError(
                f"HOST is '{self.host}', but should be 127.0.0.1, ::1 or localhost as long as there are no API keys: "
                "`heartline keys add OWNER` makes one."
            )
        return self

    @model_validator(mode="after")
    def _shares_fit_the_window(self) -> Self:
        shares = (
            self.system_token_percent,
            self.rag_token_percent,
            self.history_token_percent,
            self.response_token_percent,
        )
        if sum(shares) > 100:
            raise ValueError(
                "SYSTEM_TOKEN_PERCENT, RAG_TOKEN_PERCENT, HISTORY_TOKEN_PERCENT and RESPONSE_TOKEN_PERCENT are "
                f"{', '.join(map(str, shares))}, together {sum(shares)}, but should be at most 100 together."
            )
        return self


Override = str | int | float | Path | None


def load_settings(**overrides: Override) -> Settings:
    """The settings in force: `overrides` by field name (None is no override), then the environment, then `.env`.

    Raises SettingsError for the first thing that is wrong.
    """
    unknown = overrides.keys() - Settings.model_fields.keys()
    if unknown:
        raise TypeError(f"no such settings: {sorted(unknown)}")
    given = {_source_name(name): value for name, value in overrides.items() if value is not None}
    # BaseSettings reads its fields from the environment: the signature that pyright sees asks for none of them.
    build = cast("Callable[..., Settings]", Settings)
    try:
        return build(**given)
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors()[0])) from None


def _source_name(field: str) -> str:
    """Under its first alias an override beats a variable that came by the other one."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field


def _sentence(problem: ErrorDetails) -> str:
    """Pydantic's message in our words: PORT is '99999', but should be less than or equal to 65535."""
    said = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not problem["loc"]:
        return said
    name = str(problem["loc"][0]).upper()
    return f"{name} is {_shown(name, problem['input'])}, but {said.partition(', unable to parse')[0]}."


def _shown(name: str, value: object) -> str:
    """A secret is masked, and so is a password within an address."""
    return f"'{MASK}'" if name in SECRETS else without_password(repr(value))


def without_password(text: str) -> str:
    """An address in the text loses its user and password, wherever in it they stand."""
    return re.sub(r"\b(password|user)=[^&\s'\"]+", r"\1=***", re.sub(r"//[^/@]*@", "//***@", text))
