"""`POST /v1/chat/completions`, read: OpenAI's messages become ours."""

from collections.abc import Sequence
from typing import (
    Annotated,
    Final,
    Required,  # pydantic takes typing's own only from Python 3.12 on
)

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from api.contents import DIALOGUE, INSTRUCTIONS, text_of
from api.wire.body import Fields, JsonDict, parse_object, validated
from api.wire.completion_request import CompletionRequest, completion_request
from api.wire.sampling import Sampling
from api.wire.tools import Tools, tool_parameters
from domain.errors import InvalidRequest
from domain.messages import Instruction, Message
from domain.records import JsonObject, Role

_ROLES: Final = "developer, system, user, assistant or tool"


class _Function(Fields):
    name: str
    arguments: str


class _ToolCall(Fields):
    id: str
    type: str | None = None
    function: _Function


@with_config(ConfigDict(strict=True))
class _MessageFields(TypedDict, total=False):
    """A dict, because a transcript has hundreds of them: a model would take three times as long."""

    role: Required[str]
    content: object
    name: str | None
    tool_calls: list[_ToolCall] | None
    tool_call_id: str | None


class _Chat(Sampling):
    messages: Annotated[list[_MessageFields], Field(min_length=1)]
    tools: Tools | None = None
    tool_choice: object = None
    functions: list[JsonDict] | None = None
    modalities: list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


def parse_chat(raw: bytes, now: str) -> CompletionRequest:
    """`now` (ISO 8601, UTC) is when its messages count as said. Raises InvalidRequest."""
    body = parse_object(raw)
    fields = validated(_Chat, body)
    _refuse_unsupported(fields)
    messages = _messages(fields, body["messages"], now)
    if not any(message.text.strip() or (isinstance(message, Message) and message.tool_calls) for message in messages):
        raise InvalidRequest("All messages are empty.", param="messages")
    return completion_request(fields, body, messages, tool_parameters(fields.tools, body))


def _refuse_unsupported(fields: _Chat) -> None:
    if fields.functions:
        raise InvalidRequest("'functions' is of a retired API: send them as tools.", param="functions")
    if fields.modalities and fields.modalities != ["text"]:
        raise InvalidRequest("This model answers in text only.", param="modalities")


def _messages(fields: _Chat, raw: Sequence[JsonDict], now: str) -> list[Message | Instruction]:
    read: list[Message | Instruction] = []
    for index, message in enumerate(fields.messages):
        try:
            read.append(_message(message, raw[index], now))
        except InvalidRequest as error:
            raise InvalidRequest(error.message, param=f"messages.{index}.{error.param}") from error
    return read


def _message(fields: _MessageFields, raw: JsonDict, now: str) -> Message | Instruction:
    name = fields.get("name") or None
    if (instructing := INSTRUCTIONS.get(fields["role"])) is not None:
        return Instruction(role=instructing, text=_text(fields), name=name)
    role = _role(fields["role"])
    calls: list[JsonObject] = list(raw["tool_calls"]) if fields.get("tool_calls") else []
    call_id = fields.get("tool_call_id") if role == "tool" else None
    if calls and role != "assistant":
        raise InvalidRequest("Only an assistant's message has tool_calls.", param="tool_calls")
    if role == "tool" and not call_id:
        raise InvalidRequest("A tool's message needs the tool_call_id it answers.", param="tool_call_id")
    return Message(role=role, text=_text(fields), said_at=now, name=name, tool_calls=calls, tool_call_id=call_id)


def _role(sent: str) -> Role:
    if (role := DIALOGUE.get(sent)) is not None:
        return role
    if sent == "function":
        told = "The role 'function' is of a retired API. Send the result as a message of role 'tool'."
    else:
        told = f"Unknown role '{sent[:40]}': use {_ROLES}."
    raise InvalidRequest(told, param="role")


def _text(fields: _MessageFields) -> str:
    content = fields.get("content")
    if content is not None:
        return text_of(content, "content")
    if fields["role"] == "assistant" and fields.get("tool_calls"):
        return ""
    raise InvalidRequest("Only an assistant's message with tool_calls may lack content.", param="content")
