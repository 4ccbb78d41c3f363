"""The header by which a client says how it wants to be understood: `X-Heartline-Mode`."""

from typing import Final, cast, get_args

from domain.errors import InvalidRequest
from domain.prompt import Mode

HEADER: Final = "X-Heartline-Mode"


def sent_mode(value: str | None) -> Mode | None:
    """The mode asked for, None where none is. Raises InvalidRequest for what is none."""
    word = (value or "").strip().lower()
    if not word:
        return None
    if word not in get_args(Mode):
        raise InvalidRequest(f"Unknown mode '{word[:40]}': use sync, append or stateless.", param=HEADER)
    return cast("Mode", word)
