"""What the openai SDK raises, as the one error our callers know."""

import json
from typing import Final

import openai

from api.adapters.failures import broken, busy, cut_off, no_answer, refused, too_long, unreachable, wait_of
from api.ports import ModelFailed

FAILURES: Final = (openai.OpenAIError, json.JSONDecodeError)
"""All that a call raises: the SDK's own errors, and a chunk that is no JSON."""

_TOO_LONG: Final = ("context_length_exceeded", "exceed_context_size_error")
_QUOTA: Final = "insufficient_quota"


def failed(error: Exception, begun: bool) -> ModelFailed:
    """What the caller of the model should be told; `begun` says that part of the reply went out before."""
    match error:
        case openai.APIStatusError():
            return _refused(error)
        case openai.APIConnectionError():
            return cut_off() if begun else unreachable(error.message)
        case openai.APIError() if error.code == "429" and not begun:
            return busy(error.message)
        case openai.APIError() if error.code in ("500", "502", "503", "504") and not begun:
            return refused(int(error.code), error.message)
        case openai.APIError():
            return broken(error.message)
        case _:
            return no_answer()


def _refused(error: openai.APIStatusError) -> ModelFailed:
    wait = wait_of(error.response.headers.get("retry-after", ""))
    if error.status_code == 429 and error.code == _QUOTA:
        return busy(error.message, code=_QUOTA, retry_after=wait)
    if error.status_code == 400 and (error.code in _TOO_LONG or error.type in _TOO_LONG):
        return too_long(error.message)
    return refused(error.status_code, error.message, retry_after=wait, param=error.param)
