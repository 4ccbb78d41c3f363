"""How large a request may be, and how slow."""

from dataclasses import dataclass
from typing import Final

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of a body, and of one that is imported; messages of one request; seconds in which a body must begin to
    come (it may take longer, as long as it comes steadily)."""

    body_bytes: int = 10 * MEGABYTE
    import_bytes: int = 100 * MEGABYTE
    messages: int = 20_000
    body_seconds: float = 30.0
