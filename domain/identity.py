"""The stream that a session is: its owner and the client's name for it, always the same one."""

from typing import Final
from uuid import UUID, uuid5

NAMESPACE: Final = UUID("6f0c5e0a-3f5e-5d0e-9a53-9d6f6a1f7c11")


def session_id(owner: str, external_id: str) -> UUID:
    """The stream of an owner's session: the same two names always lead to the same one."""
    return uuid5(NAMESPACE, f"{owner}\n{external_id}")
