"""Neutral messages and parameters as the body of an OpenAI chat completion. Pure but for reading images."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from api.ports import ReadImage, Unsupported
from domain.records import Image, JsonObject, NeutralMessage

# Compatible servers know "system"; "developer" only OpenAI's own.
_ROLES: Final = {"developer": "system"}
_LIMITS: Final = ("max_completion_tokens", "max_tokens")
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What servers differ in: the name of the reply's limit, and whether they take back what one of them, or another
    provider, added to a tool call."""

    limit: str
    extras: bool


OWN: Final = Dialect(limit="max_completion_tokens", extras=False)
"""OpenAI's: with models that reason it refuses max_tokens, and everywhere fields that it does not know."""
COMPATIBLE: Final = Dialect(limit="max_tokens", extras=True)
"""Everybody else's: some know the older name only."""


def dialect_of(base_url: str) -> Dialect:
    host = urlsplit(base_url).hostname or ""
    return OWN if host.endswith(("api.openai.com", ".openai.azure.com")) else COMPATIBLE


def chat_request(
    messages: Sequence[NeutralMessage],
    *,
    model: str,
    parameters: JsonObject,
    read_image: ReadImage | None,
    dialect: Dialect = COMPATIBLE,
) -> dict[str, object]:
    """The body without what streaming adds: every parameter that is not null goes with it.

    Raises Unsupported for images when there is nothing to read them with.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    limits = [given.pop(name, None) for name in _LIMITS]
    if (limit := limits[0] or limits[1]) is not None:
        given[dialect.limit] = limit
    sent = [_message(message, read_image, dialect) for message in messages]
    return {**given, "model": model, "messages": sent}


def _message(message: NeutralMessage, read_image: ReadImage | None, dialect: Dialect) -> dict[str, object]:
    role = _ROLES.get(message["role"], message["role"])
    sent: dict[str, object] = {"role": role, "content": _content(message, read_image)}
    # OpenAI's names have no spaces; letters it does not take are worth less than an answer.
    if role != "tool" and (name := _NO_NAME.sub("_", message.get("name") or "").strip("_")[:64]):
        sent["name"] = name
    if calls := message.get("tool_calls"):
        kept = calls if dialect.extras else [_plain(call) for call in calls]
        sent |= {"tool_calls": kept, "content": message["content"] or None}
    if "tool_call_id" in message:
        sent["tool_call_id"] = message["tool_call_id"]
    return sent


def _plain(call: JsonObject) -> JsonObject:
    return {name: value for name, value in call.items() if name in ("id", "type", "function")}


def _content(message: NeutralMessage, read_image: ReadImage | None) -> object:
    images = message.get("images")
    if not images:
        return message["content"]
    if read_image is None:
        raise Unsupported("Images cannot be passed on to the language model: send text.", param="messages")
    said = [{"type": "text", "text": message["content"]}] if message["content"] else []
    return [*said, *(_picture(image, read_image) for image in images)]


def _picture(image: Image, read_image: ReadImage) -> object:
    content = base64.b64encode(read_image(image["sha256"])).decode("ascii")
    url = f"data:{image['media_type']};base64,{content}"
    detail = {"detail": image["detail"]} if "detail" in image else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}}
