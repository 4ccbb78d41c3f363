"""Fakes of the models that Heartline calls: a scripted chat model, an encoder that hashes words, a counter of words.

They implement the ports and pass their contract suites; nothing here patches anything.
"""

import asyncio
import re
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from api.ports import (
    Delta,
    Encoding,
    Finish,
    ModelFailed,
    ReasoningDelta,
    Streamed,
    Tokens,
    ToolCallDelta,
    Unjudged,
    Unsupported,
)
from domain.records import FinishReason, JsonObject, NeutralMessage, Usage

Step = str | Delta | ReasoningDelta | ToolCallDelta | asyncio.Event | ModelFailed
"""A piece of the reply (a string is one of text); or wait until the test sets the event; or fail here."""


def usage(*, input_tokens: int = 7, output_tokens: int = 5) -> Usage:
    """What a model says of a call, in a test that does not care."""
    return Usage(
        input_tokens=input_tokens, output_tokens=output_tokens, cached_tokens=0, reasoning_tokens=0, estimated=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One reply: its steps in order, then how it finishes."""

    steps: Sequence[Step] = ("Hello", " there.")
    reason: FinishReason = "stop"
    others: tuple[FinishReason, ...] = ()
    usage: Usage | None = field(default_factory=usage)


@dataclass(slots=True)
class Call:
    """What the model was sent, and how the caller left: `ended` is set when the stream is over, however it ended."""

    messages: list[NeutralMessage]
    model: str
    parameters: JsonObject
    finished: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ScriptedModel:
    """A ChatModel that plays its scripts in order, the last one again and again."""

    def __init__(self, *scripts: Script, models: Sequence[str] = ("scripted",)) -> None:
        self._scripts = list(scripts) or [Script()]
        self._models = list(models)
        self.calls: list[Call] = []
        self.closed = False
        self.refusal: Unsupported | None = None

    @property
    def provider(self) -> Literal["offline"]:
        return "offline"

    @property
    def default(self) -> str:
        return self._models[0]

    async def models(self) -> list[str]:
        return list(self._models)

    def will(self, *steps: Step, reason: FinishReason = "stop") -> None:
        """From the next call on: these steps."""
        self._scripts = [Script(steps=steps, reason=reason)]

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        call = Call(messages=list(messages), model=model, parameters=parameters)
        self.calls.append(call)
        try:
            for step in script.steps:
                await asyncio.sleep(0)
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, ModelFailed):
                    raise step
                else:
                    yield Delta(step) if isinstance(step, str) else step
            call.finished = True
            yield Finish(script.reason, script.usage, model, script.others)
        finally:
            call.ended.set()

    async def close(self) -> None:
        self.closed = True


class HashEncoder:
    """An Encoder: each word adds to one of 64 places, so texts that share words are similar. Parts of 50 words."""

    def __init__(self, *, dimensions: int = 64) -> None:
        self._dimensions = dimensions
        self.texts: list[str] = []

    @property
    def id(self) -> str:
        return f"hash-{self._dimensions}:words:f16"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        await asyncio.sleep(0)
        self.texts += texts
        return [self._encoding(text) for text in texts]

    def _encoding(self, text: str) -> Encoding:
        words = [word.casefold() for word in re.findall(r"\w+", text)]
        parts = [words[start : start + 50] for start in range(0, max(len(words), 1), 50)]
        vectors = np.zeros((len(parts), self._dimensions), np.float32)
        for row, part in enumerate(parts):
            for word in part or [""]:
                vectors[row, zlib.crc32(word.encode("utf-8", "replace")) % self._dimensions] += 1
        return Encoding((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16))


class WithTokens(HashEncoder):
    """Shows a token for each word, the nth with the state of a one at place n."""

    @property
    def id(self) -> str:
        return f"{super().id}:with-tokens"

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        read = await super().encode(texts)
        counts = [len(text.split()) for text in texts]
        return [
            replace(
                encoding,
                tokens=Tokens(pieces=np.arange(count, dtype=np.int32), states=np.eye(count, 384, dtype=np.float32)),
            )
            for encoding, count in zip(read, counts, strict=True)
        ]


class WordTokens:
    """A TokenCounter: as many tokens as words."""

    @property
    def name(self) -> str:
        return "words"

    def count(self, text: str) -> int:
        return len(text.split())


class Dearer:
    """A TokenCounter: so many tokens a word."""

    def __init__(self, times: int) -> None:
        self._times = times

    @property
    def name(self) -> str:
        return f"words times {self._times}"

    def count(self, text: str) -> int:
        return self._times * len(text.split())


class WordReranker:
    """A Reranker: a text's relevance is the share of the query's words that are in it. Answers `outcome` if given."""

    def __init__(self, outcome: Unjudged | None = None) -> None:
        self.name = "words"
        self.outcome: Unjudged | None = outcome
        self.seen: list[tuple[str, list[str]]] = []

    def judge(self, query: str, texts: Sequence[str]) -> Sequence[float] | Unjudged:
        self.seen.append((query, list(texts)))
        if self.outcome is not None:
            return self.outcome
        wanted = {word.casefold() for word in query.split()}
        return [len(wanted & {word.casefold() for word in text.split()}) / max(len(wanted), 1) for text in texts]
