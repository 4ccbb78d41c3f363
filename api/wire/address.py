"""How a request names its session, and what may be a session's id.

    path /sessions/{id}/v1/…  >  X-Session-ID  >  metadata.session_id  >  session_id  >  user  >  nothing

In a path and in a header an id is percent-encoded (which changes nothing in a plain one), so that any id fits there.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from api.chat.request import Address, IdentifiedBy
from domain.errors import InvalidRequest

LONGEST_ID: Final = 200
"""Characters."""

_PLAIN: Final = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the places say, unchecked. `path` and `header` are as they came, still encoded."""

    path: str | None = None
    header: str | None = None
    metadata: str | None = None
    session_id: str | None = None
    user: str | None = None


def session_address(names: Names) -> Address:
    """The first place that names a session counts; whose it is, is told besides. Raises InvalidRequest for no id."""
    header = decoded(names.header, "X-Session-ID") if names.header is not None else None
    path = decoded(names.path, "session") if names.path is not None else None
    user = _plain_text(names.user.strip(), "user") or None if names.user is not None else None
    places: tuple[tuple[IdentifiedBy, str | None, str], ...] = (
        ("path", path, "session"),
        ("header", header, "X-Session-ID"),
        ("metadata", names.metadata, "metadata.session_id"),
        ("session_id", names.session_id, "session_id"),
    )
    for identified_by, value, param in places:
        if value is not None:
            return Address(external_id=session_id(value, param), identified_by=identified_by, user=user)
    return Address(identified_by="user" if user is not None else "new", user=user)


def session_id(text: str, param: str) -> str:
    """The id without surrounding blanks. Raises InvalidRequest for what is no id."""
    stripped = _plain_text(text.strip(" "), param)
    if not stripped.strip():
        raise InvalidRequest("A session id must not be empty.", param=param)
    if "/" in stripped:
        raise InvalidRequest("A session id must not contain slashes.", param=param)
    return stripped


def decoded(encoded: str, param: str) -> str:
    """The text behind percent-encoded UTF-8. Raises InvalidRequest when it is not UTF-8."""
    # ASGI hands bytes over as latin-1; a client that sent raw UTF-8 meant its bytes.
    try:
        return unquote_to_bytes(encoded.encode("latin-1")).decode()
    except UnicodeError as error:
        raise InvalidRequest("A session id must be UTF-8.", param=param) from error


def encoded(session: str) -> str:
    """The id as it stands in a header: printable ASCII, the rest percent-encoded. `decoded` is its inverse."""
    return quote(session, safe=_PLAIN)


def _plain_text(text: str, param: str) -> str:
    if len(text) > LONGEST_ID:
        raise InvalidRequest(f"An id must not be longer than {LONGEST_ID} characters.", param=param)
    # Cc are control characters, Cs are lone surrogates, Zl and Zp break lines.
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise InvalidRequest("An id must not contain control characters.", param=param)
    return text
