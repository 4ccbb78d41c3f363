"""Neutral messages and parameters as the body of an OpenAI chat completion. Pure but for reading images."""

import base64
import re
from collections.abc import Sequence
from typing import Final

from api.ports import ReadImage, Unsupported
from domain.records import Image, JsonObject, NeutralMessage

# Compatible servers know "system"; "developer" only OpenAI's own.
_ROLES: Final = {"developer": "system"}
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


def chat_request(
    messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject, read_image: ReadImage | None
) -> dict[str, object]:
    """The body without what streaming adds: every parameter that is not null goes with it.

    Raises Unsupported for images when there is nothing to read them with.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    return {**given, "model": model, "messages": [_message(message, read_image) for message in messages]}


def _message(message: NeutralMessage, read_image: ReadImage | None) -> dict[str, object]:
    role = _ROLES.get(message["role"], message["role"])
    sent: dict[str, object] = {"role": role, "content": _content(message, read_image)}
    # OpenAI's names have no spaces; letters it does not take are worth less than an answer.
    if role != "tool" and (name := _NO_NAME.sub("_", message.get("name") or "").strip("_")[:64]):
        sent["name"] = name
    if calls := message.get("tool_calls"):
        sent |= {"tool_calls": calls, "content": message["content"] or None}
    if "tool_call_id" in message:
        sent["tool_call_id"] = message["tool_call_id"]
    return sent


def _content(message: NeutralMessage, read_image: ReadImage | None) -> object:
    images = message.get("images")
    if not images:
        return message["content"]
    if read_image is None:
        raise Unsupported("Images cannot be passed on to the language model: send text.", param="messages")
    return [{"type": "text", "text": message["content"]}, *(_picture(image, read_image) for image in images)]


def _picture(image: Image, read_image: ReadImage) -> object:
    content = base64.b64encode(read_image(image["sha256"])).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{image['media_type']};base64,{content}"}}
