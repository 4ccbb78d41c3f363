"""What comes in: messages of the dialogue and instructions of the client, before they are events."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.keys import fingerprint, message_key
from domain.records import Image, InstructionRole, Json, JsonObject, Origin, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a dialogue as somebody sent it. `said_at` is ISO 8601 in UTC."""

    role: Role
    text: str
    said_at: str
    name: str | None = None
    origin: Origin = "client"
    images: list[Image] = field(default_factory=list[Image])
    tool_calls: list[JsonObject] = field(default_factory=list[JsonObject])
    tool_call_id: str | None = None
    details: JsonObject = field(default_factory=dict[str, Json])
    """What the client keeps with it, to be given back as it is."""

    @property
    def key(self) -> int:
        """Equal for messages that are the same to whoever reads them (`domain.keys`)."""
        if not (self.images or self.tool_calls or self.tool_call_id):
            return fingerprint(self.role, self.text)
        return message_key(
            self.role,
            self.text,
            images=self.images,
            tool_calls=self.tool_calls,
            tool_call_id=self.tool_call_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A system or developer text of the client."""

    role: InstructionRole
    text: str
    name: str | None = None

    @property
    def sha256(self) -> str:
        """Equal exactly for equal role, name and text: an instruction is stored once."""
        canonical = json.dumps([self.role, self.name, self.text], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def is_speech(role: str, text: str) -> bool:
    """Whether words are said that can be felt and recalled: not what a tool answered, nor calls or images alone."""
    return role != "tool" and bool(text.strip())


def leading(messages: Sequence[Message | Instruction]) -> int:
    """How many instructions stand before the first message of the dialogue."""
    return next((place for place, message in enumerate(messages) if isinstance(message, Message)), len(messages))
