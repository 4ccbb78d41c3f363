"""Any language model behind OpenAI's chat completions: OpenAI itself, llama.cpp, Ollama, vLLM, OpenRouter, …

How it is called, and when again, is the matter of `api.adapters.calls`.

Importing the SDK takes a second: import this module only where such a model is configured.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, Literal, cast

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk

from api.adapters.calls import Calls, Patience
from api.adapters.failures import cut_off
from api.adapters.openai_failures import FAILURES, failed
from api.adapters.openai_requests import ReadImage, chat_request
from api.ports import Delta, Finish, ModelFailed
from domain.records import FinishReason, JsonObject, NeutralMessage, Usage

OPENAI: Final = "https://api.openai.com/v1"

_REASONS: Final[dict[str, FinishReason]] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class OpenAiUpstream:
    """A ChatModel. Leaving the stream, by closing it or by cancellation, closes the connection to the upstream."""

    def __init__(
        self,
        *,
        default: str,
        base_url: str = OPENAI,
        api_key: str | None = None,
        patience: Patience | None = None,
        read_image: ReadImage | None = None,
    ) -> None:
        """Local servers need no key. Without `read_image`, messages with images are refused."""
        self._default = default
        self._patience = patience or Patience()
        self._calls = Calls(self._patience, failures=FAILURES, told=failed)
        self._read_image = read_image
        timeout = httpx2.Timeout(self._patience.read, connect=self._patience.connect)
        self._client = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=timeout)
        self._asks_usage = True

    @property
    def provider(self) -> Literal["openai"]:
        return "openai"

    @property
    def default(self) -> str:
        return self._default

    async def models(self) -> list[str]:
        """What the upstream lists, the default among them; the default alone where it does not list."""
        try:
            page = await self._client.models.list(timeout=self._patience.connect)
        except FAILURES:
            return [self._default]
        names = [model.id for model in page.data or []]
        return names if self._default in names else [self._default, *names]

    async def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Delta | Finish, None]:
        """Deltas, then the Finish. Tries again before the first of them only."""
        request = await asyncio.to_thread(
            chat_request, messages, model=model, parameters=parameters, read_image=self._read_image
        )
        async with aclosing(self._calls.stream(lambda: self._attempt(request))) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._client.close()

    async def _attempt(self, request: dict[str, object]) -> AsyncGenerator[Delta | Finish, None]:
        reply = _Reply()
        async with await self._open(request) as chunks:
            _require_stream(chunks.response)
            try:
                async for chunk in chunks:
                    if text := reply.take(chunk):
                        yield Delta(text)
            except openai.APIConnectionError:
                if reply.reason is None:  # else all has been said, and only the farewell is missing
                    raise
        yield reply.finish(str(request["model"]))

    async def _open(self, request: dict[str, object]) -> AsyncStream[ChatCompletionChunk]:
        create = cast(Callable[..., Awaitable[AsyncStream[ChatCompletionChunk]]], self._client.chat.completions.create)
        if self._asks_usage:
            try:
                return await create(**request, stream=True, stream_options={"include_usage": True})
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if "stream_options" not in str(error) and "include_usage" not in str(error):
                    raise
                self._asks_usage = False  # an older server: it will not learn it in our time
        return await create(**request, stream=True)


class _Reply:
    """What is known of a reply while its chunks come in."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self._chunks = 0
        self._choices = 0
        self._usage: CompletionUsage | None = None
        self._model: str | None = None

    def take(self, chunk: ChatCompletionChunk) -> str:
        """The text that the chunk adds."""
        self._chunks += 1
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        if not chunk.choices:  # the usage chunk, a keep-alive, or (null) a blocked prompt
            return ""
        self._choices += 1
        choice = chunk.choices[0]
        if choice.finish_reason:
            self.reason = _REASONS.get(choice.finish_reason, "stop")
        return (choice.delta.content or choice.delta.refusal or "") if choice.delta else ""

    def finish(self, model: str) -> Finish:
        """Chunks without any choice are a blocked prompt. Raises ModelFailed when the end is missing."""
        if self._chunks and not self._choices:
            self.reason = "content_filter"
        if self.reason is None:
            raise cut_off()
        return Finish(self.reason, _usage(self._usage), self._model or model)


def _usage(said: CompletionUsage | None) -> Usage | None:
    if said is None:
        return None
    prompt, completion = said.prompt_tokens_details, said.completion_tokens_details
    return Usage(
        input_tokens=said.prompt_tokens or 0,
        output_tokens=said.completion_tokens or 0,
        cached_tokens=(prompt.cached_tokens or 0) if prompt else 0,
        reasoning_tokens=(completion.reasoning_tokens or 0) if completion else 0,
        estimated=False,
    )


def _require_stream(response: httpx2.Response) -> None:
    """A page or a plain object with status 200 is what a wrong base URL gives."""
    found = response.headers.get("content-type", "")
    if not found.startswith("text/event-stream"):
        message = f"The language model's server sent {found or 'something'} instead of a stream: check its base URL."
        raise ModelFailed(message, code="upstream_error", status=502)
