"""A reply in OpenAI's shapes, to the letter: `chat.completion`, its chunks, and the legacy `text_completion`.

Nulls that OpenAI's schema requires are there, and nothing else is added.
"""

from typing import Final, Protocol

from api.chat.request import Answer
from api.ports import Finish
from domain.records import FinishReason, Json, JsonObject, Usage

_FINGERPRINT: Final = "fp_heartline"

_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    # The reply was cut short by something other than the model; of OpenAI's words this is the nearest.
    "cancelled": "length",
}


class Shape(Protocol):
    """How one reply is written, whole or in chunks."""

    def whole(self, text: str, finish: Finish) -> JsonObject: ...

    def opening(self) -> JsonObject | None:
        """The chunk before the first piece of text, if there is one."""
        ...

    def piece(self, text: str) -> JsonObject: ...

    def closing(self, finish: Finish) -> JsonObject: ...

    def usage(self, usage: Usage) -> JsonObject:
        """The extra chunk for clients that asked for it."""
        ...


class ChatShape:
    """`chat.completion` and `chat.completion.chunk`."""

    def __init__(self, answer: Answer, *, include_usage: bool) -> None:
        head: dict[str, Json] = {
            "id": f"chatcmpl-{answer.turn}",
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": answer.model,
            "service_tier": "default",
            "system_fingerprint": _FINGERPRINT,
        }
        self._head = head
        self._chunk: dict[str, Json] = {**head, "usage": None} if include_usage else head

    def whole(self, text: str, finish: Finish) -> JsonObject:
        choice: JsonObject = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": _REASONS[finish.reason],
        }
        return {**self._head, "object": "chat.completion", "choices": [choice], **_usage_of(finish)}

    def opening(self) -> JsonObject:
        return self._choice({"role": "assistant", "content": "", "refusal": None}, None)

    def piece(self, text: str) -> JsonObject:
        return self._choice({"content": text}, None)

    def closing(self, finish: Finish) -> JsonObject:
        return self._choice({}, _REASONS[finish.reason])

    def usage(self, usage: Usage) -> JsonObject:
        return {**self._head, "choices": [], "usage": _usage(usage)}

    def _choice(self, delta: JsonObject, reason: str | None) -> JsonObject:
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._chunk, "choices": [choice]}


class TextShape:
    """The legacy `text_completion`: chunks and whole replies look alike."""

    def __init__(self, answer: Answer, *, include_usage: bool) -> None:
        head: dict[str, Json] = {
            "id": f"cmpl-{answer.turn}",
            "object": "text_completion",
            "created": answer.created,
            "model": answer.model,
            "system_fingerprint": _FINGERPRINT,
        }
        self._head = head
        self._chunk: dict[str, Json] = {**head, "usage": None} if include_usage else head

    def whole(self, text: str, finish: Finish) -> JsonObject:
        return {**self._head, "choices": [self._choice(text, finish)], **_usage_of(finish)}

    def opening(self) -> None:
        return None

    def piece(self, text: str) -> JsonObject:
        return {**self._chunk, "choices": [self._choice(text, None)]}

    def closing(self, finish: Finish) -> JsonObject:
        return {**self._chunk, "choices": [self._choice("", finish)]}

    def usage(self, usage: Usage) -> JsonObject:
        return {**self._head, "choices": [], "usage": _usage(usage)}

    def _choice(self, text: str, finish: Finish | None) -> JsonObject:
        reason = _REASONS[finish.reason] if finish is not None else None
        # This endpoint never knew tools.
        reason = "stop" if reason == "tool_calls" else reason
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}


def _usage_of(finish: Finish) -> JsonObject:
    return {"usage": _usage(finish.usage)} if finish.usage is not None else {}


def _usage(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["input_tokens"] + usage["output_tokens"],
        "prompt_tokens_details": {"cached_tokens": usage["cached_tokens"], "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage["reasoning_tokens"],
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
