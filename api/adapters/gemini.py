"""Google Gemini by google-genai, the vendor's maintained SDK.

Its API version is pinned: without a pin the SDK asks v1, which lacks the models' aliases. The SDK takes half a second
to import: import this module only where such a model is configured.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import httpx2
import pydantic
from google import genai
from google.genai import errors, types

from api.adapters.calls import Calls, Patience, RemoteModel
from api.adapters.failures import broken, cut_off, no_answer, unreachable, wait_of
from api.adapters.gemini_access import GeminiAccess
from api.adapters.gemini_contents import Content, Conversation, Conversing
from api.adapters.gemini_failures import Refusal, details_of
from api.adapters.gemini_parameters import Generation, generation, safety, signs_calls
from api.adapters.gemini_replies import Call, Chunk, Part, Reply, usage
from api.ports import ModelFailed, ReadImage, Streamed
from domain.records import JsonObject, NeutralMessage, Usage

API_VERSION: Final = "v1beta"

FAILURES: Final = (
    errors.APIError,
    errors.UnknownApiResponseError,
    httpx2.HTTPError,
    httpx2.StreamError,
    pydantic.ValidationError,
)
"""All that a call raises: the API's errors, the network's, and a chunk that is no JSON or not of Gemini's shape."""


_CAMEL: Final = {
    "inline_data": "inlineData",
    "mime_type": "mimeType",
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "thought_signature": "thoughtSignature",
}

_OpenStream = Callable[..., Awaitable[AsyncIterator[types.GenerateContentResponse]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    model: str
    config: types.GenerateContentConfig


class GeminiModel(RemoteModel):
    """A ChatModel. Leaving the stream, by closing it or by cancellation, closes the connection to Google."""

    def __init__(
        self, access: GeminiAccess, *, patience: Patience | None = None, read_image: ReadImage | None = None
    ) -> None:
        patience = patience or Patience()
        calls = Calls(patience, failures=FAILURES, told=failed)
        super().__init__(calls, default=access.default, read_image=read_image)
        self._safety = safety(access.safety)
        self._connect_seconds = patience.connect
        self._http = _http(patience)
        options = types.HttpOptions(base_url=access.base_url, api_version=API_VERSION, httpx_async_client=self._http)
        self._client = genai.Client(vertexai=False, api_key=access.api_key, http_options=options)

    @property
    def provider(self) -> Literal["gemini"]:
        return "gemini"

    async def models(self) -> list[str]:
        """The models that Google lists for generating text. Raises ModelFailed."""
        try:
            async with asyncio.timeout(self._connect_seconds):
                listed = [model async for model in await self._client.aio.models.list()]
        except TimeoutError as error:
            raise unreachable(f"no answer in {self._connect_seconds:g} seconds") from error
        except FAILURES as error:
            raise failed(error, False) from error
        return [
            (model.name or "").removeprefix("models/")
            for model in listed
            if "generateContent" in (model.supported_actions or ())
        ]

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        """Raises Unsupported for tools that are no functions."""
        generation(model, parameters)

    async def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        """Deltas, then the Finish. Tries again before the first of them only."""
        request = await asyncio.to_thread(self._request, messages, model=model, parameters=parameters)
        async with aclosing(self._calls.stream(lambda: self._attempt(request))) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        self._client.close()
        await self._client.aio.aclose()
        await self._http.aclose()

    def _request(self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject) -> _Request:
        asked = generation(model, parameters)
        conversing = Conversing(read_image=self._read_image, signs=signs_calls(model))
        conversation = conversing.conversation(messages)
        return _Request(model=model, config=self._config(asked, conversation))

    def _config(self, asked: Generation, conversation: Conversation) -> types.GenerateContentConfig:
        declarations = [
            types.FunctionDeclaration(
                name=declared.name, description=declared.description, parameters_json_schema=declared.schema
            )
            for declared in asked.declarations
        ]
        fields: dict[str, Any] = {
            "system_instruction": conversation.system,
            "response_json_schema": asked.schema,
            "thinking_config": asked.thinking,
            "tools": [types.Tool(function_declarations=declarations)] if declarations else None,
            "tool_config": {"function_calling_config": asked.calling} if asked.calling else None,
            "safety_settings": [{"category": name, "threshold": level} for name, level in self._safety.items()] or None,
            # As they go over the wire: the SDK's walk through its types takes 15 ms of CPU for 60 messages.
            "http_options": {"extra_body": {"contents": [_content_json(content) for content in conversation.contents]}},
            # Functions are the client's to call.
            "automatic_function_calling": {"disable": True},
        }
        return types.GenerateContentConfig.model_validate({**asked.sampling, **fields})

    async def _attempt(self, request: _Request) -> AsyncGenerator[Streamed, None]:
        reply = Reply(request.model)
        # Its contents may be files and functions too: more than pyright can follow. Ours stand in the config.
        open_stream = cast(_OpenStream, cast(Any, self._client.aio.models).generate_content_stream)
        chunks = await open_stream(model=request.model, contents="-", config=request.config)
        try:
            async for chunk in chunks:
                for delta in reply.take(_chunk(chunk)):
                    yield delta
        except httpx2.HTTPError:
            if not reply.ended:  # else all has been said, and only the farewell is missing
                raise
        yield reply.finish()


def failed(error: Exception, begun: bool) -> ModelFailed:
    """What the caller of the model should be told; `begun` says that part of the reply went out before."""
    match error:
        case errors.APIError():
            return broken(error.message) if begun else _refusal(error).told()
        case httpx2.HTTPError() | httpx2.StreamError():
            return cut_off() if begun else unreachable(error or type(error).__name__)
        case _:
            return no_answer()


def _refusal(error: errors.APIError) -> Refusal:
    raised = cast(Any, error)  # its response may be another HTTP library's; ours is httpx2
    response, body = cast("tuple[httpx2.Response | None, object]", (raised.response, raised.details))
    return Refusal(
        status=error.code or 502,
        message=error.message or error.status or "",
        details=details_of(body),
        header=wait_of(response.headers.get("retry-after", "")) if response is not None else None,
    )


def _content_json(content: Content) -> dict[str, Any]:
    return {"role": content.role, "parts": [_json(part) for part in content.parts]}


def _json(value: Any) -> Any:
    """Names in camel case, bytes in base64. What a function was given and answered is nobody's to rename."""
    match value:
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case dict():
            fields = cast("dict[str, Any]", value)
            return {
                _CAMEL.get(name, name): inner if name in ("args", "response") else _json(inner)
                for name, inner in fields.items()
            }
        case _:
            return value


def _http(patience: Patience) -> httpx2.AsyncClient:
    """The SDK has one time-out for everything; ours are set behind its back on each request."""
    timeout = httpx2.Timeout(patience.read, connect=patience.connect).as_dict()

    async def be_patient(request: httpx2.Request) -> None:
        request.extensions["timeout"] = timeout

    return httpx2.AsyncClient(event_hooks={"request": [be_patient]})


def _chunk(said: types.GenerateContentResponse) -> Chunk:
    candidate = said.candidates[0] if said.candidates else types.Candidate()
    parts = candidate.content.parts if candidate.content is not None else None
    return Chunk(
        answers=bool(said.candidates),
        parts=[_part(part) for part in parts or ()],
        reason=candidate.finish_reason.value if candidate.finish_reason is not None else None,
        usage=_usage(said.usage_metadata),
        model=said.model_version,
    )


def _part(said: types.Part) -> Part:
    called = said.function_call
    if called is None:
        return Part(text=said.text or "", thought=said.thought is True)
    call = Call(id=called.id, name=called.name or "", arguments=called.args or {}, signature=said.thought_signature)
    return Part(call=call)


def _usage(said: types.GenerateContentResponseUsageMetadata | None) -> Usage | None:
    if said is None:
        return None
    return usage(
        prompt=said.prompt_token_count or 0,
        tools=said.tool_use_prompt_token_count or 0,
        answer=said.candidates_token_count or 0,
        thoughts=said.thoughts_token_count or 0,
        cached=said.cached_content_token_count or 0,
    )
