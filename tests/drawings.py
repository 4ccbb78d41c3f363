"""Small true images, each of its own bytes, as clients send them."""

import base64
import hashlib
import struct
import zlib
from typing import Any


def png(shade: int = 0) -> bytes:
    """A PNG of one grey point."""

    def piece(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    points = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", header) + piece(b"IDAT", points) + piece(b"IEND", b"")


def data_url(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def shown(content: bytes, **more: str) -> dict[str, Any]:
    """The part of a message that shows a PNG."""
    return {"type": "image_url", "image_url": {"url": data_url(content), **more}}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
