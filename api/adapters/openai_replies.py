"""The chunks of an OpenAI chat completion as our deltas, and what is known of the reply when they end.

Compatible servers leave out much: the index of a call, its id, the ends of further choices, all usage.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import uuid4

from api.adapters.failures import cut_off, no_answer
from api.ports import Delta, Finish, ReasoningDelta, ReplyDelta, ToolCallDelta
from domain.records import FinishReason, Usage

Chunk = Mapping[str, Any]
"""Of a stream, or an object in one, as it was sent."""

_REASONS: Final[dict[str, FinishReason]] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_MOST: Final = 128
"""Choices of a reply, as OpenAI limits them."""
_REASONING: Final = ("reasoning_content", "reasoning")
"""Where servers put what the model thinks: llama.cpp, vLLM and DeepSeek; Ollama and OpenRouter."""


class Reply:
    """What is known of a reply while its chunks come in. `model` is the one asked, until the upstream names its own."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._chunks = 0
        self._spoken: set[int] = set()
        self._calls: set[tuple[int, int]] = set()
        self._reasons: dict[int, FinishReason] = {}
        self._usage: Chunk | None = None

    @property
    def ended(self) -> bool:
        """Whether every choice that began has ended."""
        return bool(self._reasons) and self._spoken <= self._reasons.keys()

    def take(self, chunk: Chunk) -> Iterator[ReplyDelta]:
        """What the chunk adds. It has no choice when it tells usage or keeps alive, null ones for a blocked prompt."""
        self._chunks += 1
        self._model = chunk.get("model") or self._model
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            index: int = choice.get("index") or 0
            if not 0 <= index < _MOST:
                raise no_answer()
            self._spoken.add(index)
            yield from self._deltas(choice.get("delta") or {}, index)
            if reason := choice.get("finish_reason"):
                self._reasons[index] = _REASONS.get(reason, "stop")

    def finish(self) -> Finish:
        """Chunks without any choice are a blocked prompt. Raises ModelFailed when an end is missing."""
        if self._chunks and not self._spoken:
            self._reasons[0] = "content_filter"
        elif not self.ended:
            raise cut_off()
        reasons: tuple[FinishReason, ...] = tuple(self._reason(index) for index in range(max(self._reasons) + 1))
        return Finish(reasons[0], _usage(self._usage), self._model, reasons[1:])

    def _deltas(self, delta: Chunk, choice: int) -> Iterator[ReplyDelta]:
        for name in _REASONING:
            if thought := delta.get(name):
                yield ReasoningDelta(thought, choice)
                break
        if text := delta.get("content"):
            yield Delta(text, choice)
        if refusal := delta.get("refusal"):
            yield Delta(refusal, choice, refusal=True)
        for place, call in enumerate(delta.get("tool_calls") or ()):
            yield self._call(call, choice, place)

    def _call(self, call: Chunk, choice: int, place: int) -> ToolCallDelta:
        """A piece of a call. Without an index it is a whole one; a call needs an id, for its result to name."""
        index = call.get("index")
        index = place if index is None else index
        known = (choice, index) in self._calls
        self._calls.add((choice, index))
        function: Chunk = call.get("function") or {}
        return ToolCallDelta(
            index=index,
            id=call.get("id") or ("" if known else f"call_{uuid4().hex[:24]}"),
            name=function.get("name") or "",
            arguments=function.get("arguments") or "",
            extra=call.get("extra_content"),
            choice=choice,
        )

    def _reason(self, index: int) -> FinishReason:
        """Some servers say "stop" where they called a tool; a choice that never began was withheld."""
        reason = self._reasons.get(index, "content_filter")
        called = any(choice == index for choice, _ in self._calls)
        return "tool_calls" if called and reason == "stop" else reason


def _usage(said: Chunk | None) -> Usage | None:
    if said is None:
        return None
    prompt: Chunk = said.get("prompt_tokens_details") or {}
    completion: Chunk = said.get("completion_tokens_details") or {}
    return Usage(
        input_tokens=said.get("prompt_tokens") or 0,
        output_tokens=said.get("completion_tokens") or 0,
        cached_tokens=prompt.get("cached_tokens") or 0,
        reasoning_tokens=completion.get("reasoning_tokens") or 0,
        estimated=False,
    )
