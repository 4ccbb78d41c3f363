"""What messages in OpenAI's shape are made of: roles, and a content that is a string or a list of parts.

Requests and imports read them alike; of the parts, this server takes texts and images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from api.pictures import picture
from api.ports import Picture
from domain.errors import InvalidRequest
from domain.records import Image, InstructionRole, Role

DIALOGUE: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "tool": "tool"}
"""Roles whose messages are of the dialogue, by the name that a client sends."""
INSTRUCTIONS: Final[dict[str, InstructionRole]] = {"system": "system", "developer": "developer"}
"""Roles whose messages instruct, likewise."""

_TEXT_FIELDS: Final = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_IMAGES: Final = frozenset({"image_url", "input_image"})
_OTHER_MEDIA: Final = frozenset({"input_audio", "file", "input_file", "video_url"})
_DETAILS: Final = ("auto", "low", "high")


@dataclass(frozen=True, slots=True)
class Content:
    """What one message says and shows: texts joined by newlines, images in their order behind them."""

    text: str
    images: Sequence[Image] = ()
    pictures: Sequence[Picture] = ()


def content_of(content: object, path: str) -> Content:
    """Raises InvalidRequest for what is neither a string nor a list of texts and images; `path` names it."""
    if isinstance(content, str):
        return Content(content)
    if not isinstance(content, list):
        raise InvalidRequest("Content must be a string or a list of parts.", param=path)
    parts = cast(list[object], content)
    if not parts:
        raise InvalidRequest("Content must have at least one part.", param=path)
    read = [_part(part, f"{path}.{index}") for index, part in enumerate(parts)]
    return Content(
        text="\n".join(part for part in read if isinstance(part, str)),
        images=[image for image, _ in _shown(read)],
        pictures=[picture for _, picture in _shown(read)],
    )


def _shown(parts: Sequence[str | tuple[Image, Picture]]) -> Iterator[tuple[Image, Picture]]:
    return (part for part in parts if not isinstance(part, str))


def _part(part: object, path: str) -> str | tuple[Image, Picture]:
    if not isinstance(part, dict):
        raise InvalidRequest("A part of a content must be an object with a type.", param=path)
    fields = cast(dict[str, object], part)
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest("A part of a content needs a type.", param=f"{path}.type")
    if kind in _IMAGES:
        return _image(fields, f"{path}.image_url")
    if kind in _OTHER_MEDIA:
        raise InvalidRequest(f"This server takes texts and images only, not '{kind}'.", param=path)
    if kind not in _TEXT_FIELDS:
        raise InvalidRequest(f"Unknown type of content '{kind[:40]}': use text or image_url.", param=f"{path}.type")
    text = fields.get(_TEXT_FIELDS[kind])
    if not isinstance(text, str):
        raise InvalidRequest("The text of a part must be a string.", param=f"{path}.{_TEXT_FIELDS[kind]}")
    return text


def _image(fields: dict[str, object], path: str) -> tuple[Image, Picture]:
    """The address stands in an object, or alone; so does the detail."""
    sent = fields.get("image_url")
    inner = cast(dict[str, object], sent) if isinstance(sent, dict) else {"url": sent, "detail": fields.get("detail")}
    url, detail = inner.get("url"), inner.get("detail")
    if not isinstance(url, str):
        raise InvalidRequest("The address of an image must be a string.", param=f"{path}.url")
    if detail is not None and detail not in _DETAILS:
        raise InvalidRequest("The detail of an image must be auto, low or high.", param=f"{path}.detail")
    found = picture(url, f"{path}.url")
    image = Image(sha256=found.sha256, media_type=found.media_type)
    if detail in ("low", "high"):
        image["detail"] = detail
    return image, found
