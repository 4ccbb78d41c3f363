"""What a caller is told when a language model elsewhere fails: the same words and codes whichever SDK says it.

The upstream's own words are passed on where they are about the request, and kept back where they are about our key.
"""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from api.ports import ModelFailed


def refused(status: int, message: str, *, retry_after: float | None = None, param: str | None = None) -> ModelFailed:
    """An answer with an HTTP status that is an error; `message` and `param` (what it is about) are the upstream's."""
    match status:
        case 401 | 403:
            told = "The language model's server refuses this server's own key: check it and the base URL."
            return ModelFailed(told, code="upstream_auth", status=502)
        case 404:
            told = f"The language model's server knows no such model (or its base URL is wrong): {message}"
            return ModelFailed(told, code="model_not_found", status=404)
        case 429:
            return busy(message, retry_after=retry_after)
        case _ if status >= 500 or status == 408:
            told = f"The language model's server answered {status}."
            return ModelFailed(told, code="upstream_unavailable", status=503, retry_after=retry_after)
        case _:
            return ModelFailed(message, code="rejected", status=400, param=param)


def busy(message: str, *, code: str = "rate_limit_exceeded", retry_after: float | None = None) -> ModelFailed:
    return ModelFailed(f"The language model is busy: {message}", code=code, status=429, retry_after=retry_after)


def too_long(message: str) -> ModelFailed:
    return ModelFailed(message, code="context_length_exceeded", status=400)


def unreachable(message: object) -> ModelFailed:
    told = f"The language model cannot be reached: {message}"
    return ModelFailed(told, code="upstream_unavailable", status=503)


def broken(message: object) -> ModelFailed:
    return ModelFailed(f"The language model failed: {message}", code="upstream_error", status=502)


def no_answer() -> ModelFailed:
    return ModelFailed("The language model sent what is no answer.", code="upstream_error", status=502)


def cut_off() -> ModelFailed:
    """The stream ended before the reply did."""
    return ModelFailed("The language model's answer broke off.", code="upstream_cut", status=502)


def finite(number: str) -> float | None:
    """The number that stands there, 0 at least; None for what is none, "inf" and "nan" among it."""
    try:
        value = float(number)
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def wait_of(header: str) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number, or a date."""
    if (seconds := finite(header)) is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return None
