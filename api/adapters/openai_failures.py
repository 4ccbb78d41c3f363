"""What the openai SDK raises, as the one error our callers know, and which of it is worth another attempt.

The upstream's own words are passed on where they are about the request, and kept back where they are about our key.
"""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import openai

from api.ports import ModelFailed

FAILURES: Final = (openai.OpenAIError, json.JSONDecodeError)
"""All that a call raises: the SDK's own errors, and a chunk that is no JSON."""

_TOO_LONG: Final = ("context_length_exceeded", "exceed_context_size_error")


def failed(error: Exception, *, begun: bool) -> ModelFailed:
    """What the caller of the model should be told; `begun` says that part of the reply went out before."""
    match error:
        case openai.APIStatusError():
            return _refused(error)
        case openai.APIConnectionError() if begun:
            return cut_off()
        case openai.APIConnectionError():
            message = f"The language model cannot be reached: {error.message}"
            return ModelFailed(message, code="upstream_unavailable", status=503)
        case openai.APIError() if error.code == "429":
            return _limited(error, None)
        case openai.APIError():
            return ModelFailed(f"The language model failed: {error.message}", code="upstream_error", status=502)
        case _:
            return ModelFailed("The language model sent what is no answer.", code="upstream_error", status=502)


def cut_off() -> ModelFailed:
    """The stream ended before the reply did."""
    return ModelFailed("The language model's answer broke off.", code="upstream_cut", status=502)


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed a little later."""
    match error:
        case openai.APIStatusError():
            return error.code != "insufficient_quota" and (error.status_code in (408, 429) or error.status_code >= 500)
        case openai.APIConnectionError():
            return True
        case openai.APIError():
            return error.code is not None and error.code in ("429", "500", "502", "503", "504")
        case _:
            return False


def retry_after(error: Exception) -> float | None:
    """Seconds that the upstream asks us to wait, if it says."""
    if not isinstance(error, openai.APIStatusError):
        return None
    said = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return None


def _refused(error: openai.APIStatusError) -> ModelFailed:
    match error.status_code:
        case 401 | 403:
            message = "The language model's server refuses this server's own key: check it and the base URL."
            return ModelFailed(message, code="upstream_auth", status=502)
        case 404:
            message = f"The language model's server knows no such model (or its base URL is wrong): {error.message}"
            return ModelFailed(message, code="model_not_found", status=404)
        case 429:
            return _limited(error, retry_after(error))
        case status if status >= 500 or status == 408:
            message = f"The language model's server answered {status}."
            return ModelFailed(message, code="upstream_unavailable", status=503, retry_after=retry_after(error))
        case _:
            code = "context_length_exceeded" if error.code in _TOO_LONG or error.type in _TOO_LONG else "rejected"
            return ModelFailed(error.message, code=code, status=400)


def _limited(error: openai.APIError, seconds: float | None) -> ModelFailed:
    code = "insufficient_quota" if error.code == "insufficient_quota" else "rate_limit_exceeded"
    return ModelFailed(f"The language model is busy: {error.message}", code=code, status=429, retry_after=seconds)
