"""Google Gemini by google-generativeai, the SDK first named for this project; an optional extra.

Its vendor ended it on 2025-11-30 and gives no fixes any more. Over REST its asynchronous calls are broken, so its
synchronous stream is read on a thread; over gRPC it cannot be pointed at another address. It tries again by itself, for
ten minutes, unless it is told not to. It knows no thinking, no seed, no JSON Schema and no thought signatures.
"""

import asyncio
import json
import warnings
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from importlib import import_module
from typing import Any, Final, Literal, cast

import requests

from api.adapters.calls import Calls, Patience, RemoteModel
from api.adapters.failures import broken, cut_off, no_answer, unreachable, wait_of
from api.adapters.gemini_access import GeminiAccess
from api.adapters.gemini_contents import Content, Conversing
from api.adapters.gemini_failures import Refusal, details_of
from api.adapters.gemini_parameters import Declaration, as_object, generation, safety, signs_calls
from api.adapters.gemini_replies import Call, Chunk, Part, Reply, usage
from api.adapters.lines import LINE, Line, LineAdapter
from api.ports import ModelFailed, ReadImage, Streamed, Unsupported
from domain.records import Json, JsonObject, NeutralMessage

with warnings.catch_warnings():
    # That it is at its end is known and said above; and its parts warn of the ends of Python versions to come.
    warnings.simplefilter("ignore", FutureWarning)
    # By name, for it has no types to speak of, and where it is not installed the type checker need not know it.
    sdk: Any = import_module("google.generativeai")
    clients: Any = import_module("google.generativeai.client")
    exceptions: Any = import_module("google.api_core.exceptions")
    auth: Any = import_module("google.auth.exceptions")
    json_format: Any = import_module("google.protobuf.json_format")

FAILURES: Final[tuple[type[Exception], ...]] = (
    exceptions.GoogleAPIError,
    auth.GoogleAuthError,
    json_format.ParseError,
    OSError,
    ValueError,
)
"""All that a call raises: the API's errors, the network's (OSError), and a stream that is no array (ValueError)."""


class GoogleGenerativeAiModel(RemoteModel):
    """A ChatModel. Leaving the stream, by closing it or by cancellation, closes the connection to Google."""

    def __init__(
        self, access: GeminiAccess, *, patience: Patience | None = None, read_image: ReadImage | None = None
    ) -> None:
        """The SDK is configured for the whole process."""
        patience = patience or Patience()
        calls = Calls(patience, failures=FAILURES, told=failed)
        super().__init__(calls, default=access.default, read_image=read_image)
        self._safety = safety(access.safety)
        self._patience = patience
        # Threads of its own, one for lists and one beside: the process's are few, and others wait for them.
        self._threads = ThreadPoolExecutor(patience.slots + 2, thread_name_prefix="gemini")
        options = {"api_endpoint": access.base_url.rstrip("/")} if access.base_url else None
        sdk.configure(api_key=access.api_key, transport="rest", client_options=options)
        self._writer = _with_lines(clients.get_default_generative_client(), patience)
        self._lister = _with_lines(clients.get_default_model_client(), patience)

    @property
    def provider(self) -> Literal["google-generativeai"]:
        return "google-generativeai"

    async def models(self) -> list[str]:
        """The models that Google lists for generating text. Raises ModelFailed."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._listed)
        except FAILURES as error:
            raise failed(error, False) from error

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        """Raises Unsupported for what the SDK is too old to say."""
        asked = generation(model, parameters)
        if asked.schema is not None:
            raise Unsupported(_too_old("JSON Schemas"), param="response_format")
        if asked.declarations and signs_calls(model):
            raise Unsupported(_too_old("the tools of Gemini 3 and later"), param="tools")

    async def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        """Deltas, then the Finish. Tries again before the first of them only."""
        self.check(model=model, parameters=parameters, images=False)
        request = await asyncio.to_thread(self._request, messages, model=model, parameters=parameters)
        async with aclosing(self._calls.stream(lambda: self._attempt(request, model))) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        for client in (self._writer, self._lister):
            client.transport.close()
        self._threads.shutdown(wait=False)

    # -- the threads ---------------------------------------------------------------------------------------------------

    def _listed(self) -> list[str]:
        LINE.set(Line())
        pages = self._lister.list_models(retry=None, timeout=self._patience.connect)
        return [
            model.name.removeprefix("models/")
            for model in pages
            if "generateContent" in model.supported_generation_methods
        ]

    async def _attempt(self, request: Any, model: str) -> AsyncGenerator[Streamed, None]:
        reply = Reply(model)
        loop, line = asyncio.get_running_loop(), Line()
        chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()

        def read() -> None:
            try:
                for chunk in self._read(request, line):
                    loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            finally:
                loop.call_soon_threadsafe(chunks.put_nowait, None)

        reading = loop.run_in_executor(self._threads, read)
        try:
            while (chunk := await chunks.get()) is not None:
                for delta in reply.take(chunk):
                    yield delta
            await reading
        except FAILURES:
            if not reply.ended:  # else all has been said, and only the farewell is missing
                raise
        finally:
            if not reading.done():
                line.hang_up()
            await asyncio.gather(reading, return_exceptions=True)
        yield reply.finish()

    def _read(self, request: Any, line: Line) -> Iterator[Chunk]:
        LINE.set(line)
        responses = self._writer.stream_generate_content(request, retry=None, timeout=self._patience.read)
        try:
            for said in responses:
                if not said:  # an error object: the SDK reads it as a response, and finds nothing in it that it knows
                    raise broken("it broke off with an error, which this SDK keeps to itself")
                yield _chunk(said)
        finally:
            responses.cancel()

    # -- the request ---------------------------------------------------------------------------------------------------

    def _request(self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject) -> Any:
        asked = generation(model, parameters)
        conversation = Conversing(read_image=self._read_image, signs=False).conversation(messages)
        sampling = {name: value for name, value in asked.sampling.items() if name != "seed"}
        functions = [_function(declared) for declared in asked.declarations]
        return sdk.protos.GenerateContentRequest(
            model=model if "/" in model else f"models/{model}",
            system_instruction={"parts": [{"text": conversation.system}]} if conversation.system else None,
            contents=[_content(content) for content in conversation.contents],
            generation_config=sampling,
            safety_settings=[{"category": name, "threshold": level} for name, level in self._safety.items()],
            tools=[{"function_declarations": functions}] if functions else None,
            tool_config={"function_calling_config": asked.calling} if asked.calling else None,
        )


def failed(error: Exception, begun: bool) -> ModelFailed:
    """What the caller of the model should be told; `begun` says that part of the reply went out before."""
    match error:
        case exceptions.GoogleAPICallError():
            return broken(error) if begun else _refusal(error).told()
        case OSError() | auth.GoogleAuthError():  # those of requests among them
            return cut_off() if begun else unreachable(error)
        case _:
            return cut_off() if begun else no_answer()


def _refusal(error: Any) -> Refusal:
    response = cast("requests.Response | None", error.response)
    try:
        body: object = json.loads(response.content) if response is not None else None
    except ValueError:
        body = None
    header = response.headers.get("retry-after", "") if response is not None else ""
    return Refusal(
        status=int(error.code or 502), message=str(error.message), details=details_of(body), header=wait_of(header)
    )


def _too_old(thing: str) -> str:
    return f"google-generativeai is too old to pass on {thing}: leave them out, or set MODEL_PROVIDER=gemini."


def _with_lines(client: Any, patience: Patience) -> Any:
    """The SDK has no way in to its connections but this."""
    for scheme in ("http://", "https://"):
        client.transport._session.mount(scheme, LineAdapter(connect_seconds=patience.connect))
    return client


def _content(content: Content) -> Any:
    return sdk.protos.Content(role=content.role, parts=[sdk.protos.Part(part) for part in content.parts])


def _function(declared: Declaration) -> Any:
    given: dict[str, Any] = {"name": declared.name, "description": declared.description}
    return given if declared.schema is None else {**given, "parameters": _schema(declared.schema)}


def _schema(schema: JsonObject) -> dict[str, Any]:
    """What the SDK's Schema can say of a JSON Schema; the rest only narrows what the model would anyhow do."""
    kind, nullable = _kind(schema.get("type"))
    told: dict[str, Any] = {"type_": kind, "nullable": nullable, "description": str(schema.get("description") or "")}
    properties = as_object(schema.get("properties"))
    told["properties"] = {name: _schema(as_object(inner)) for name, inner in properties.items()}
    told["required"] = [str(name) for name in cast("Sequence[Json]", schema.get("required") or [])]
    told["enum"] = [str(value) for value in cast("Sequence[Json]", schema.get("enum") or [])]
    if items := as_object(schema.get("items")):
        told["items"] = _schema(items)
    return told


def _kind(said: Json) -> tuple[str, bool]:
    """JSON Schema's type, which may be a list with "null" in it."""
    kinds = [said] if isinstance(said, str) else list(cast("Sequence[Json]", said or []))
    named = [str(kind).upper() for kind in kinds if kind != "null"]
    return (named[0] if named else "TYPE_UNSPECIFIED"), "null" in kinds


# -- the response ------------------------------------------------------------------------------------------------------


def _chunk(said: Any) -> Chunk:
    candidate = said.candidates[0] if said.candidates else sdk.protos.Candidate()
    reason, counts = candidate.finish_reason, said.usage_metadata
    return Chunk(
        answers=bool(said.candidates),
        parts=[_part(part) for part in candidate.content.parts],
        # A reason of later years is a number.
        reason=(reason.name if hasattr(reason, "name") else str(reason)) if reason else None,
        usage=usage(
            prompt=counts.prompt_token_count,
            tools=0,
            answer=counts.candidates_token_count,
            # Thoughts, of which it does not know, are what is missing in the total.
            thoughts=max(0, counts.total_token_count - counts.prompt_token_count - counts.candidates_token_count),
            cached=counts.cached_content_token_count,
        ),
        model=said.model_version or None,
    )


def _part(said: Any) -> Part:
    if "function_call" not in said:
        return Part(text=said.text)
    called = said.function_call
    arguments = json_format.MessageToDict(cast(Any, type(called)).pb(called)).get("args", {})
    return Part(call=Call(id=called.id or None, name=called.name, arguments=_whole(arguments)))


def _whole(value: Any) -> Any:
    """Protobuf's JSON has but one kind of number: whole ones were whole."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_whole(inner) for inner in cast("list[Any]", value)]
        case dict():
            return {name: _whole(inner) for name, inner in cast("dict[str, Any]", value).items()}
        case _:
            return value
