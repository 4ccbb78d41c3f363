"""A reply in OpenAI's shapes, to the letter: `chat.completion`, its chunks, and the legacy `text_completion`.

Nulls that OpenAI's schema requires are there, and nothing else is added.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from api.chat.gathered import Call, Choice
from api.chat.request import Answer
from api.ports import Delta, Finish, ReasoningDelta, ReplyDelta, ToolCallDelta
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
    """How one reply is written, whole or in chunks. It remembers what it has begun: use it for one reply."""

    def whole(self, choices: Sequence[Choice], finish: Finish) -> JsonObject: ...

    def pieces(self, delta: ReplyDelta) -> Sequence[JsonObject]:
        """The chunks of one delta: none where the shape has no place for it."""
        ...

    def closing(self, finish: Finish) -> Sequence[JsonObject]:
        """One chunk a choice, with its reason."""
        ...

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
        self._opened: set[int] = set()
        self._calls: set[tuple[int, int]] = set()

    def whole(self, choices: Sequence[Choice], finish: Finish) -> JsonObject:
        written: list[Json] = [
            {"index": index, "message": _message(choice), "logprobs": None, "finish_reason": _REASONS[reason]}
            for index, (choice, reason) in enumerate(zip(choices, finish.reasons, strict=True))
        ]
        return {**self._head, "object": "chat.completion", "choices": written, **_usage_of(finish)}

    def pieces(self, delta: ReplyDelta) -> Sequence[JsonObject]:
        """Before the first of a choice comes its role."""
        piece = self._choice(delta.choice, self._delta(delta), None)
        return [piece] if delta.choice in self._opened else [self._opening(delta), piece]

    def closing(self, finish: Finish) -> Sequence[JsonObject]:
        reasons = enumerate(finish.reasons)
        silent = [self._opening(Delta("", index)) for index in range(len(finish.reasons)) if index not in self._opened]
        return [*silent, *(self._choice(index, {}, _REASONS[reason]) for index, reason in reasons)]

    def usage(self, usage: Usage) -> JsonObject:
        return {**self._head, "choices": [], "usage": _usage(usage)}

    def _opening(self, first: ReplyDelta) -> JsonObject:
        self._opened.add(first.choice)
        content = None if isinstance(first, ToolCallDelta) else ""
        return self._choice(first.choice, {"role": "assistant", "content": content, "refusal": None}, None)

    def _delta(self, delta: ReplyDelta) -> JsonObject:
        match delta:
            case Delta():
                return {"refusal" if delta.refusal else "content": delta.text}
            case ReasoningDelta():
                return {"reasoning_content": delta.text}
            case ToolCallDelta():
                return {"tool_calls": [self._call(delta)]}

    def _call(self, piece: ToolCallDelta) -> JsonObject:
        """Its id and name stand in the first piece only."""
        if (piece.choice, piece.index) in self._calls:
            return {"index": piece.index, "function": {"arguments": piece.arguments}}
        self._calls.add((piece.choice, piece.index))
        call = Call()
        call.take(piece)
        return {"index": piece.index, **call.whole}

    def _choice(self, index: int, delta: JsonObject, reason: str | None) -> JsonObject:
        choice: JsonObject = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._chunk, "choices": [choice]}


class TextShape:
    """The legacy `text_completion`: chunks and whole replies look alike. It never knew tools, nor reasoning."""

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

    def whole(self, choices: Sequence[Choice], finish: Finish) -> JsonObject:
        written: list[Json] = [
            _text_choice(index, choice.text, reason)
            for index, (choice, reason) in enumerate(zip(choices, finish.reasons, strict=True))
        ]
        return {**self._head, "choices": written, **_usage_of(finish)}

    def pieces(self, delta: ReplyDelta) -> Sequence[JsonObject]:
        return [self._piece(delta.choice, delta.text, None)] if isinstance(delta, Delta) else []

    def closing(self, finish: Finish) -> Sequence[JsonObject]:
        return [self._piece(index, "", reason) for index, reason in enumerate(finish.reasons)]

    def usage(self, usage: Usage) -> JsonObject:
        return {**self._head, "choices": [], "usage": _usage(usage)}

    def _piece(self, index: int, text: str, reason: FinishReason | None) -> JsonObject:
        return {**self._chunk, "choices": [_text_choice(index, text, reason)]}


def _message(choice: Choice) -> JsonObject:
    """What was said; null where there are only calls. Reasoning goes by the name that compatible servers gave it."""
    said = None if choice.refusal or (choice.calls and not choice.text) else choice.text
    message: dict[str, Json] = {"role": "assistant", "content": said, "refusal": None, "annotations": []}
    if choice.refusal:
        message["refusal"] = choice.text
    if choice.calls:
        message["tool_calls"] = choice.tool_calls
    if choice.thought:
        message["reasoning_content"] = choice.reasoning
    return message


def _text_choice(index: int, text: str, reason: FinishReason | None) -> JsonObject:
    told = "stop" if reason == "tool_calls" else _REASONS[reason] if reason is not None else None
    return {"index": index, "text": text, "logprobs": None, "finish_reason": told}


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
