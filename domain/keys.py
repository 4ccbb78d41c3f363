"""What equal messages have in common: role, and text in NFC with white space and case folded.

Cached by raw text, because normalising a long transcript costs more than aligning it.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from domain.records import Image, JsonObject


def normalised(text: str) -> str:
    """The text as it is compared: NFC, each run of white space one blank, case folded."""
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


@lru_cache(maxsize=32_768)
def key(role: str, text: str) -> str:
    """Equal for messages that differ only in normal form, white space and case."""
    return f"{role}\n{normalised(text)}"


@lru_cache(maxsize=65_536)
def fingerprint(role: str, text: str) -> int:
    """64 bits of the key's hash, signed: what is stored, indexed and aligned, for a key is as long as the text."""
    return int.from_bytes(
        hashlib.blake2b(f"{role}\n{normalised(text)}".encode(), digest_size=8).digest(), "big", signed=True
    )


def message_key(
    role: str, text: str, *, images: Sequence[Image], tool_calls: Sequence[JsonObject], tool_call_id: str | None
) -> int:
    """The fingerprint of a message. What it carries besides its text counts too: calls of tools mostly have no text."""
    carried = [*(str(image["sha256"]) for image in images), *(str(call.get("id")) for call in tool_calls)]
    if tool_call_id is not None:
        carried.append(tool_call_id)
    return fingerprint(role, "\n".join([text, *carried]) if carried else text)
