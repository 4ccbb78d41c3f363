"""What is in force and where each value came from, for whoever wonders. Secrets are masked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import AliasChoices, SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from api.settings import MASK, Override, Settings, load_settings, without_password

Origin = Literal["option", "environment", ".env", "default"]

_CHOSEN: Final = ("model_provider", "rate_limit_requests_per_minute", "heartline_api_keys_file")
"""Settings that, unset, depend on others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One setting. `value` is what it comes to, ready to be shown and to be JSON."""

    name: str
    value: str | int | float | None
    origin: Origin
    description: str


def in_force(**overrides: Override) -> list[InForce]:
    """All settings by name. Raises SettingsError, as `load_settings` does."""
    settings = load_settings(**overrides)
    given = {name for name, value in overrides.items() if value is not None}
    environment, dotenv = EnvSettingsSource(Settings)(), DotEnvSettingsSource(Settings)()

    def origin(field: str) -> Origin:
        names = _names(field)
        if field in given:
            return "option"
        if names & environment.keys():
            return "environment"
        return ".env" if names & dotenv.keys() else "default"

    chosen = _chosen(settings)
    return [
        InForce(
            name=field.upper(),
            value=_shown(chosen.get(field, getattr(settings, field))),
            origin=origin(field),
            description=info.description or "",
        )
        for field, info in sorted(Settings.model_fields.items())
    ]


def _chosen(settings: Settings) -> Mapping[str, object]:
    values = (settings.provider, settings.requests_a_minute or 0, settings.key_file)
    return dict(zip(_CHOSEN, values, strict=True))


def _names(field: str) -> set[str]:
    """Under which a source may have found it."""
    alias = Settings.model_fields[field].validation_alias
    return {field, *(map(str, alias.choices) if isinstance(alias, AliasChoices) else ())}


def _shown(value: object) -> str | int | float | None:
    match value:
        case None | int() | float():
            return value
        case SecretStr():
            return MASK
        case tuple():
            return ", ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case Path():
            return str(value)
        case _:
            return without_password(str(value))
