"""The settings of what is seen of a running server: its log and its traces. A part of `Settings`."""

import re
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from api.logs import LogFormat


class WatchSettings(BaseSettings):
    """How much is logged and how, and where traces go."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: LogFormat = Field(
        "auto", description="How the log is written: auto is text on a terminal and JSON elsewhere."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="Base URL of an OpenTelemetry collector that takes OTLP over HTTP; unset traces nothing."
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        None, description="The whole URL that traces go to, where it is not /v1/traces of the collector."
    )
    otel_instrumentation_genai_capture_message_content: bool = Field(
        False, description="Whether traces hold the texts of what was asked and recalled."
    )

    @property
    def traces_url(self) -> str | None:
        """Where traces go; None where nothing is traced."""
        if self.otel_exporter_otlp_traces_endpoint is not None:
            return self.otel_exporter_otlp_traces_endpoint
        base = self.otel_exporter_otlp_endpoint
        return f"{base.rstrip('/')}/v1/traces" if base is not None else None

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _log_in_any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint")
    @classmethod
    def _collector_is_http(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^\s/]+\S*", url):
            raise ValueError("should be an address such as http://127.0.0.1:4318")
        return url
