"""Images that come within messages, as data URLs: decoded, checked and named by their bytes.

An address elsewhere is not fetched, by us or by the model: what was shown must be shown again, years later, and a
server that opens the addresses it is given can be sent into its own network.
"""

import base64
import binascii
import hashlib
import re
from typing import Final

from api.ports import Picture
from domain.errors import InvalidRequest

LARGEST: Final = 10 * 1024 * 1024
"""Bytes of one image."""

_DATA_URL: Final = re.compile(r"data:([^;,]*);base64,", re.IGNORECASE)
_SIGNATURES: Final[dict[str, re.Pattern[bytes]]] = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
"""How the bytes of an image begin, by its kind: those that every model that sees takes."""


def picture(url: str, path: str) -> Picture:
    """The image in a data URL. Raises InvalidRequest, which names `path`, for anything else."""
    header = _DATA_URL.match(url)
    if header is None:
        message = "An image must be a data URL (data:image/png;base64,…): this server fetches nothing from elsewhere."
        raise InvalidRequest(message, param=path)
    media_type = header[1].lower().replace("image/jpg", "image/jpeg")
    if media_type not in _SIGNATURES:
        kinds = ", ".join(_SIGNATURES)
        raise InvalidRequest(f"Images must be of a kind among {kinds}, not '{media_type[:40]}'.", param=path)
    content = _decoded(url[header.end() :], path)
    if _SIGNATURES[media_type].match(content) is None:
        raise InvalidRequest(f"The image says that it is {media_type}, but its bytes are not.", param=path)
    return Picture(sha256=hashlib.sha256(content).hexdigest(), media_type=media_type, content=content)


def _decoded(text: str, path: str) -> bytes:
    if len(text) > LARGEST * 4 // 3 + 4:
        raise InvalidRequest(f"An image must not exceed {LARGEST // 1024 // 1024} MB.", param=path)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The image is no base64.", param=path) from error
