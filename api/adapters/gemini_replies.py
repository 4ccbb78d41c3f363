"""What Gemini says, piece by piece, as our deltas, and what is known of the reply when it ends; for both of its SDKs.

Each SDK's response is first made a `Chunk`, which is the last that is known of the SDK.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from api.adapters.failures import cut_off
from api.adapters.gemini_contents import signed
from api.ports import Delta, Finish, ReasoningDelta, ReplyDelta, ToolCallDelta
from domain.records import FinishReason, Usage

_WITHHELD: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a function; Gemini sends it whole."""

    id: str | None
    name: str
    arguments: Mapping[str, Any]
    signature: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Text, or a thought, or a call."""

    text: str = ""
    thought: bool = False
    call: Call | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One piece of a stream. `answers` is False where it holds no candidate, as that of a blocked prompt; `reason` is
    Gemini's word for why the reply ended, None while it has not. Usage counts the whole reply up to here."""

    answers: bool
    parts: Sequence[Part]
    reason: str | None
    usage: Usage | None
    model: str | None


class Reply:
    """What is known of a reply while its chunks come in. `model` is the one asked, until Gemini names its own."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._began = False
        self._answered = False
        self._calls = 0
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None

    @property
    def ended(self) -> bool:
        """Whether Gemini said that it is at its end."""
        return self._reason is not None

    def take(self, chunk: Chunk) -> Iterator[ReplyDelta]:
        """What the chunk adds."""
        self._began = True
        self._answered = self._answered or chunk.answers
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        for part in chunk.parts:
            if part.call is not None:
                yield self._call(part.call)
            elif part.text:
                yield ReasoningDelta(part.text) if part.thought else Delta(part.text)
        if chunk.reason is not None:
            self._reason = self._ours(chunk.reason)

    def _call(self, call: Call) -> ToolCallDelta:
        self._calls += 1
        return ToolCallDelta(
            index=self._calls - 1,
            id=call.id or f"call_{uuid4().hex}",
            name=call.name,
            arguments=json.dumps(call.arguments, ensure_ascii=False),
            extra=signed(call.signature) if call.signature else None,
        )

    def _ours(self, reason: str) -> FinishReason:
        """Gemini's list is open: a reason that we do not know is an end like any other."""
        if reason in _WITHHELD:
            return "content_filter"
        if reason == "MAX_TOKENS":
            return "length"
        return "tool_calls" if self._calls else "stop"

    def finish(self) -> Finish:
        """Chunks without any candidate are a blocked prompt. Raises ModelFailed when the end is missing."""
        if self._began and not self._answered:
            self._reason = "content_filter"
        if self._reason is None:
            raise cut_off()
        return Finish(self._reason, self._usage, self._model)


def usage(*, prompt: int, tools: int, answer: int, thoughts: int, cached: int) -> Usage | None:
    """Gemini's counts as ours: what its own tools brought is input, what it thought is output."""
    if not prompt + tools + answer + thoughts:
        return None
    return Usage(
        input_tokens=prompt + tools,
        output_tokens=answer + thoughts,
        cached_tokens=cached,
        reasoning_tokens=thoughts,
        estimated=False,
    )
