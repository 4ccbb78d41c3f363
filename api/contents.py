"""What messages in OpenAI's shape are made of: roles, and a content that is a string or a list of parts.

Requests and imports read them alike; of the parts, this server takes the texts.
"""

from typing import Final, cast

from domain.errors import InvalidRequest
from domain.records import InstructionRole, Role

DIALOGUE: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "tool": "tool"}
"""Roles whose messages are of the dialogue, by the name that a client sends."""
INSTRUCTIONS: Final[dict[str, InstructionRole]] = {"system": "system", "developer": "developer"}
"""Roles whose messages instruct, likewise."""

_TEXT_FIELDS: Final = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_OTHER_MEDIA: Final = frozenset({"image_url", "input_image", "input_audio", "file", "input_file", "video_url"})


def text_of(content: object, path: str) -> str:
    """The text, parts joined by newlines. Raises InvalidRequest for anything else; `path` names it."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequest("Content must be a string or a list of parts.", param=path)
    parts = cast(list[object], content)
    if not parts:
        raise InvalidRequest("Content must have at least one part.", param=path)
    return "\n".join(_part(part, f"{path}.{index}") for index, part in enumerate(parts))


def _part(part: object, path: str) -> str:
    if not isinstance(part, dict):
        raise InvalidRequest("A part of a content must be an object with a type.", param=path)
    fields = cast(dict[str, object], part)
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest("A part of a content needs a type.", param=f"{path}.type")
    if kind in _OTHER_MEDIA:
        raise InvalidRequest(f"This model takes text only, not '{kind}'.", param=path)
    if kind not in _TEXT_FIELDS:
        raise InvalidRequest(f"Unknown type of content '{kind[:40]}': use 'text'.", param=f"{path}.type")
    text = fields.get(_TEXT_FIELDS[kind])
    if not isinstance(text, str):
        raise InvalidRequest("The text of a part must be a string.", param=f"{path}.{_TEXT_FIELDS[kind]}")
    return text
