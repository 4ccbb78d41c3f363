"""The settings of the server's borders: where it listens, whom it lets in, and how much they may ask.

A part of `api.settings.Settings`, which says how settings are read.
"""

import re
import ssl
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from api.access.keys import ApiKey, inline_keys
from api.access.loopback import is_loopback
from api.access.sizes import MEGABYTE, Sizes

REQUESTS_A_MINUTE: Final = 600
"""For each owner, where there are owners and nothing else is said."""


class BorderSettings(BaseSettings):
    """Everything between the network and the routes."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; a loopback address as long as there are no API keys."
    )
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 lets the system choose one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that serve together on one machine.")
    tls_cert_file: Path | None = Field(
        None, description="Certificate (PEM, with its chain) for https; unset, together with the key, is plain http."
    )
    tls_key_file: Path | None = Field(None, description="Private key (PEM, without a password) of the certificate.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose web pages may call the server, separated by commas; empty is none."
    )

    heartline_api_keys: SecretStr | None = Field(
        None, description="Keys that are let in, separated by commas: OWNER:KEY, OWNER:sha256:DIGEST, or KEY (local's)."
    )
    heartline_api_keys_file: Path | None = Field(
        None, description="File of hashed keys, which `heartline keys` writes; unset is api-keys in DATA_DIR."
    )

    rate_limit_requests_per_minute: int | None = Field(
        None, ge=0, description="Requests a minute for each owner; 0 is no limit. Unset: 600 where there are API keys."
    )
    rate_limit_tokens_per_day: int = Field(
        0, ge=0, description="Tokens of the language model a day for each owner, contexts included; 0 is no limit."
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis in which several processes count their limits together, such as redis://127.0.0.1:6379.",
    )
    max_sessions_per_owner: int = Field(0, ge=0, description="Sessions that an owner may have; 0 is no limit.")
    max_messages_per_request: int = Field(20_000, ge=1, description="Messages in one request for a reply.")
    max_body_mb: int = Field(10, ge=1, le=1024, description="Size of a request's body, in megabytes.")
    max_import_mb: int = Field(100, ge=1, le=4096, description="Size of an import's body, in megabytes.")
    max_request_seconds: float = Field(
        30, gt=0, le=3600, description="Seconds for a request's headers, and for its body unless it comes steadily."
    )
    shutdown_grace_seconds: float = Field(
        10, ge=0, le=600, description="Seconds that open streams get to end when the server is told to stop."
    )

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """The keys that HEARTLINE_API_KEYS names."""
        return inline_keys(self.heartline_api_keys.get_secret_value()) if self.heartline_api_keys else ()

    @property
    def sizes(self) -> Sizes:
        return Sizes(
            body_bytes=self.max_body_mb * MEGABYTE,
            import_bytes=self.max_import_mb * MEGABYTE,
            messages=self.max_messages_per_request,
            body_seconds=self.max_request_seconds,
        )

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """Certificate and key; None is plain http."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return self.tls_cert_file, self.tls_key_file

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where clients reach it, without a path."""
        scheme = "http" if self.tls is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @field_validator("heartline_api_keys")
    @classmethod
    def _keys_are_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None:
            try:
                inline_keys(keys.get_secret_value())
            except ValueError as error:
                raise ValueError(f"should be OWNER:KEY, or KEY alone, separated by commas: {error}") from None
        return keys

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins_are_split(cls, origins: object) -> object:
        if isinstance(origins, str):
            return tuple(origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip())
        return origins

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"\*|https?://[^\s/]+", origin) for origin in origins):
            raise ValueError("should be origins such as http://localhost:3000, separated by commas")
        return origins

    @field_validator("redis_url")
    @classmethod
    def _redis_is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not re.fullmatch(r"rediss?://[^\s]+", url.get_secret_value()):
            raise ValueError("should be an address such as redis://127.0.0.1:6379/0")
        return url

    @model_validator(mode="after")
    def _certificate_and_key_fit(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS_CERT_FILE and TLS_KEY_FILE need each other: set both for https, or none.")
        if self.tls is not None:
            _check_certificate(*self.tls)
        return self


def _check_certificate(cert: Path, key: Path) -> None:
    for name, file in (("TLS_CERT_FILE", cert), ("TLS_KEY_FILE", key)):
        if not file.is_file():
            raise ValueError(f"{name} is '{file}', but there is no such file.")
    try:
        # Without a password given, OpenSSL would ask for it on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        told = getattr(error, "reason", None) or error
        raise ValueError(
            f"TLS_CERT_FILE and TLS_KEY_FILE should be a certificate and its key (PEM, no password), but: {told}."
        ) from None
