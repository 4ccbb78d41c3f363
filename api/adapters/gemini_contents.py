"""Neutral messages as Gemini's contents and system instruction, for both of Google's SDKs. Pure but for reading images.

    leading instructions -> the system instruction
    the rest             -> contents of the roles user and model in turn, of parts: text, images, calls, results

An instruction further in stays at its place, as a marked text of the user's role: moved to the front it would give what
it quotes the system's rank, and each turn would have another beginning, which no cache knows.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Any, Final, cast

from api.adapters.gemini_parameters import as_object
from api.ports import ReadImage, Unsupported
from domain.records import JsonObject, NeutralMessage

Part = dict[str, Any]

MARK: Final = "[A note from the system, not said by the user]"

UNSIGNED: Final = b"skip_thought_signature_validator"
"""Google's documented signature for calls that none of its models made, or that lost theirs."""

_INSTRUCTING: Final = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Neighbouring messages of one role; `user` holds what tools answered too."""

    role: str
    parts: list[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What Gemini is shown."""

    system: str | None
    contents: list[Content]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversing:
    """How messages are told. `signs` says whether the model wants its signatures back with its calls."""

    read_image: ReadImage | None
    signs: bool

    def conversation(self, messages: Sequence[NeutralMessage]) -> Conversation:
        """Raises Unsupported for images when there is nothing to read them with."""
        leading = list(takewhile(_instructs, messages))
        if not any(_says(message) for message in messages[len(leading) :]):  # Gemini answers contents only
            leading = leading[:-1]
        rest = messages[len(leading) :]
        told = _Telling(self, rest)
        pieces = [(_role(message), part) for message in rest for part in told.parts(message)]
        contents = [
            Content(role=role, parts=[part for _, part in parts])
            for role, parts in groupby(pieces, key=lambda piece: piece[0])
        ]
        system = "\n\n".join(_named(message) for message in leading)
        return Conversation(system=system or None, contents=contents)


class _Telling:
    """The parts of one conversation's messages."""

    def __init__(self, how: Conversing, messages: Sequence[NeutralMessage]) -> None:
        self._how = how
        self._ambiguous = _roles_of_many(messages)
        self._functions = {
            str(call.get("id")): _function(call)[0] for message in messages for call in message.get("tool_calls", [])
        }

    def parts(self, message: NeutralMessage) -> Iterable[Part]:
        if message["role"] == "tool":
            yield self._result(message)
            return
        if text := self._text(message):
            yield {"text": text}
        for image in message.get("images", []):
            content = self._image_reader()(image["sha256"])
            yield {"inline_data": {"mime_type": image["media_type"], "data": content}}
        yield from self._calls(message.get("tool_calls", []))

    def _text(self, message: NeutralMessage) -> str:
        """Gemini knows no names: they are told where a role has several speakers."""
        if _instructs(message):
            return f"{MARK}\n{_named(message)}"
        return _named(message) if message["role"] in self._ambiguous else message["content"]

    def _image_reader(self) -> ReadImage:
        if self._how.read_image is None:
            raise Unsupported("Images cannot be passed on to the language model: send text.", param="messages")
        return self._how.read_image

    def _calls(self, calls: Sequence[JsonObject]) -> Iterable[Part]:
        """A signature stands on the first call of a step."""
        for place, call in enumerate(calls):
            name, arguments = _function(call)
            part: Part = {"function_call": {"id": str(call.get("id")), "name": name, "args": _object(arguments)}}
            signature = _signature(call) or (UNSIGNED if place == 0 else None)
            yield {**part, "thought_signature": signature} if self._how.signs and signature else part

    def _result(self, message: NeutralMessage) -> Part:
        call = message.get("tool_call_id", "")
        name = self._functions.get(call) or message.get("name") or call
        return {"function_response": {"id": call, "name": name, "response": _object(message["content"])}}


def _instructs(message: NeutralMessage) -> bool:
    return message["role"] in _INSTRUCTING


def _says(message: NeutralMessage) -> bool:
    return bool(message["content"] or message.get("images") or message.get("tool_calls"))


def _role(message: NeutralMessage) -> str:
    return "model" if message["role"] == "assistant" else "user"


def _named(message: NeutralMessage) -> str:
    """The text with its speaker before it, where one is given and not told already."""
    name, text = message.get("name"), message["content"]
    return f"{name}: {text}" if name and text and not text.startswith(f"{name}:") else text


def _roles_of_many(messages: Sequence[NeutralMessage]) -> set[str]:
    spoken = {(message["role"], message.get("name")) for message in messages if message.get("name")}
    roles = [role for role, _ in spoken]
    return {role for role in roles if roles.count(role) > 1}


def _function(call: JsonObject) -> tuple[str, str]:
    """Name and arguments of a call in OpenAI's shape."""
    given = as_object(call.get("function"))
    return str(given.get("name") or ""), str(given.get("arguments") or "")


def _object(text: str) -> dict[str, Any]:
    """JSON objects as they are; Gemini takes no other results, so all else is the result in one."""
    try:
        value: object = json.loads(text) if text.strip() else {}
    except ValueError:
        value = text
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"result": value}


def _signature(call: JsonObject) -> bytes | None:
    """The thought signature, where Google's own OpenAI endpoint puts it."""
    google = as_object(as_object(call.get("extra_content")).get("google"))
    try:
        return base64.b64decode(str(google.get("thought_signature") or ""), validate=True) or None
    except binascii.Error:
        return None


def signed(signature: bytes) -> JsonObject:
    """A signature as `extra` of a tool call, to be given back with it."""
    return {"google": {"thought_signature": base64.b64encode(signature).decode("ascii")}}
