"""`POST /v1/chat/completions`, read: OpenAI's messages become ours."""

from collections.abc import Sequence
from dataclasses import replace
from typing import (
    Annotated,
    Final,
    Required,  # pydantic takes typing's own only from Python 3.12 on
)

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from api.contents import DIALOGUE, INSTRUCTIONS, Content, content_of
from api.ports import Picture
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
    reading = _Reading(now)
    messages = reading.messages(fields.messages, body["messages"])
    if all(map(_is_empty, messages)):
        raise InvalidRequest("All messages are empty.", param="messages")
    asked = completion_request(fields, body, messages, tool_parameters(fields.tools, body))
    return replace(asked, pictures=list(reading.pictures.values()))


def _refuse_unsupported(fields: _Chat) -> None:
    if fields.functions:
        raise InvalidRequest("'functions' is of a retired API: send them as tools.", param="functions")
    if fields.modalities and fields.modalities != ["text"]:
        raise InvalidRequest("This model answers in text only.", param="modalities")


def _is_empty(message: Message | Instruction) -> bool:
    shown = isinstance(message, Message) and (message.tool_calls or message.images)
    return not shown and not message.text.strip()


class _Reading:
    """Messages being read, and the pictures found in them, by name."""

    def __init__(self, now: str) -> None:
        self._now = now
        self.pictures: dict[str, Picture] = {}

    def messages(self, fields: Sequence[_MessageFields], raw: Sequence[JsonDict]) -> list[Message | Instruction]:
        read: list[Message | Instruction] = []
        for index, message in enumerate(fields):
            try:
                read.append(self._message(message, raw[index]))
            except InvalidRequest as error:
                raise InvalidRequest(error.message, param=f"messages.{index}.{error.param}") from error
        return read

    def _message(self, fields: _MessageFields, raw: JsonDict) -> Message | Instruction:
        name = fields.get("name") or None
        content = _content(fields)
        if (instructing := INSTRUCTIONS.get(fields["role"])) is not None:
            return Instruction(role=instructing, text=_without_images(content).text, name=name)
        role = _role(fields["role"])
        if role == "tool":
            _without_images(content)
        calls: list[JsonObject] = list(raw["tool_calls"]) if fields.get("tool_calls") else []
        call_id = fields.get("tool_call_id") if role == "tool" else None
        if calls and role != "assistant":
            raise InvalidRequest("Only an assistant's message has tool_calls.", param="tool_calls")
        if role == "tool" and not call_id:
            raise InvalidRequest("A tool's message needs the tool_call_id it answers.", param="tool_call_id")
        self.pictures.update({picture.sha256: picture for picture in content.pictures})
        return Message(
            role=role,
            text=content.text,
            said_at=self._now,
            name=name,
            images=list(content.images),
            tool_calls=calls,
            tool_call_id=call_id,
        )


def _without_images(content: Content) -> Content:
    if content.images:
        raise InvalidRequest("Only a user's or an assistant's message may show images.", param="content")
    return content


def _role(sent: str) -> Role:
    if (role := DIALOGUE.get(sent)) is not None:
        return role
    if sent == "function":
        told = "The role 'function' is of a retired API. Send the result as a message of role 'tool'."
    else:
        told = f"Unknown role '{sent[:40]}': use {_ROLES}."
    raise InvalidRequest(told, param="role")


def _content(fields: _MessageFields) -> Content:
    content = fields.get("content")
    if content is not None:
        return content_of(content, "content")
    if fields["role"] == "assistant" and fields.get("tool_calls"):
        return Content("")
    raise InvalidRequest("Only an assistant's message with tool_calls may lack content.", param="content")
