"""Any language model behind OpenAI's chat completions: OpenAI itself, llama.cpp, Ollama, vLLM, OpenRouter, …

How it is called, and when again, is the matter of `api.adapters.calls`.

Importing the SDK takes a second: import this module only where such a model is configured.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final, Literal, cast

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream

from api.adapters.calls import Calls, Patience, RemoteModel
from api.adapters.openai_failures import FAILURES, failed
from api.adapters.openai_replies import Chunk, Reply
from api.adapters.openai_requests import chat_request, dialect_of
from api.ports import ModelFailed, ReadImage, Streamed
from domain.records import JsonObject, NeutralMessage

OPENAI: Final = "https://api.openai.com/v1"


class OpenAiUpstream(RemoteModel):
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
        """Local servers need no key."""
        self._patience = patience or Patience()
        calls = Calls(self._patience, failures=FAILURES, told=failed)
        super().__init__(calls, default=default, read_image=read_image)
        self._dialect = dialect_of(base_url)
        timeout = httpx2.Timeout(self._patience.read, connect=self._patience.connect)
        self._client = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=timeout)
        self._asks_usage = True

    @property
    def provider(self) -> Literal["openai"]:
        return "openai"

    async def models(self) -> list[str]:
        """What the upstream lists. Raises ModelFailed."""
        try:
            page = await self._client.models.list(timeout=self._patience.connect)
        except FAILURES as error:
            raise failed(error, False) from error
        return [model.id for model in page.data or []]

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        """What a model behind the upstream takes, the upstream alone knows; it says so itself."""

    async def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        """Deltas, then the Finish. Tries again before the first of them only."""
        request = await self._request(messages, model=model, parameters=parameters)
        async with aclosing(self._calls.stream(lambda: self._attempt(request))) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._client.close()

    async def _request(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> dict[str, object]:
        """In another thread where images are read; else that would cost more than the request."""
        write = partial(
            chat_request,
            messages,
            model=model,
            parameters=parameters,
            read_image=self._read_image,
            dialect=self._dialect,
        )
        return await asyncio.to_thread(write) if any("images" in message for message in messages) else write()

    async def _attempt(self, request: dict[str, object]) -> AsyncGenerator[Streamed, None]:
        reply = Reply(str(request["model"]))
        async with await self._open(request) as chunks:
            _require_stream(chunks.response)
            try:
                async for chunk in chunks:
                    for delta in reply.take(cast(Chunk, chunk)):
                        yield delta
            except openai.APIConnectionError:
                if not reply.ended:  # else all has been said, and only the farewell is missing
                    raise
        yield reply.finish()

    async def _open(self, request: dict[str, object]) -> AsyncStream[object]:
        if self._asks_usage:
            try:
                return await self._post(request | {"stream_options": {"include_usage": True}})
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if "stream_options" not in str(error) and "include_usage" not in str(error):
                    raise
                self._asks_usage = False  # an older server: it will not learn it in our time
        return await self._post(request)

    async def _post(self, request: dict[str, object]) -> AsyncStream[object]:
        """As the SDK's `chat.completions.create`, but for looking through the types of all that is sent and received:
        with 60 messages and a reply of 50 chunks that takes 20 ms of processor time."""
        return await self._client.post(
            "/chat/completions",
            cast_to=object,
            body=request | {"stream": True},
            stream=True,
            stream_cls=AsyncStream[object],
        )


def _require_stream(response: httpx2.Response) -> None:
    """A page or a plain object with status 200 is what a wrong base URL gives."""
    found = response.headers.get("content-type", "")
    if not found.startswith("text/event-stream"):
        message = f"The language model's server sent {found or 'something'} instead of a stream: check its base URL."
        raise ModelFailed(message, code="upstream_error", status=502)
