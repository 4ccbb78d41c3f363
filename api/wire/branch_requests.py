"""Bodies of the routes that rewind, fork and carry."""

from typing import Annotated

from pydantic import Field

from api.wire.address import session_id
from api.wire.body import Fields, parse_object, validated

Version = Annotated[int, Field(ge=1, lt=2**63)]


class _Rewind(Fields):
    to: Version


class _Fork(Fields):
    at: Version | None = None
    name: Annotated[str | None, Field(alias="as")] = None


class _Carry(Fields):
    source: Annotated[str, Field(alias="from")]
    version: Version


def parse_rewind(raw: bytes) -> int:
    """The version to go back to. Raises InvalidRequest, as all of these."""
    return validated(_Rewind, parse_object(raw)).to


def parse_fork(raw: bytes) -> tuple[int | None, str | None]:
    """The version to fork at, None for now, and the new session's name, None for one made up: `{}` asks for both."""
    fields = validated(_Fork, parse_object(raw))
    return fields.at, session_id(fields.name, "as") if fields.name is not None else None


def parse_carry(raw: bytes) -> tuple[str, int]:
    """The session that has the memory, and the version of the message there."""
    fields = validated(_Carry, parse_object(raw))
    return session_id(fields.source, "from"), fields.version
