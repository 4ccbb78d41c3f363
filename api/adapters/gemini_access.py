"""How Google's Gemini is reached, whichever SDK does it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiAccess:
    """`default` is the model asked when a request names none. Without `base_url` it is Google's own service, without a
    threshold of `safety` ("off", "block_only_high", …) each category keeps Google's."""

    default: str
    api_key: str
    base_url: str | None = None
    safety: str | None = None
