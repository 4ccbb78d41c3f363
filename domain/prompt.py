"""What a client sent, as far as it tells what the client means: its messages in order, and how it asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from domain.keys import fingerprint
from domain.messages import Instruction, Message

Mode = Literal["sync", "append", "stateless"]
"""How a client wants to be understood when it wants no guessing (the header `X-Heartline-Mode`)."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A request's messages and signs.

    `named` says that the request named its session; `hint` is the client's own word for what it does, where it sends
    one (`quiet`, `continue`, …).
    """

    messages: Sequence[Message | Instruction]
    streaming: bool = True
    named: bool = True
    mode: Mode | None = None
    hint: str | None = None

    @cached_property
    def dialogue(self) -> list[Message]:
        """The messages without the instructions among them (rule 1)."""
        return [message for message in self.messages if isinstance(message, Message)]

    @cached_property
    def instructions(self) -> list[Instruction]:
        return [message for message in self.messages if isinstance(message, Instruction)]

    @cached_property
    def runs(self) -> list[list[int]]:
        """The dialogue's places in runs that no instruction parts."""
        runs: list[list[int]] = []
        place, parted = 0, True
        for message in self.messages:
            if isinstance(message, Message):
                if parted:
                    runs.append([])
                runs[-1].append(place)
                place += 1
            parted = isinstance(message, Instruction)
        return runs

    @property
    def persona(self) -> int | None:
        """The first system text, by which a member of a group is known (rule 8)."""
        first = self.messages[0] if self.messages else None
        return _key(first) if isinstance(first, Instruction) else None

    @property
    def ending(self) -> int | None:
        """The instruction that stands last."""
        last = self.messages[-1] if self.messages else None
        return _key(last) if isinstance(last, Instruction) else None

    @property
    def before_last(self) -> int | None:
        """The instruction right before the dialogue's last message, where one stands there."""
        places = [place for place, message in enumerate(self.messages) if isinstance(message, Message)]
        before = self.messages[places[-1] - 1] if places and places[-1] else None
        return _key(before) if isinstance(before, Instruction) else None

    @property
    def characters(self) -> int:
        """How large the prompt is."""
        return sum(len(message.text) for message in self.messages)

    @property
    def is_raw(self) -> bool:
        """Whether it has the form of a bare prompt that belongs to no chat (rule 7)."""
        roles = [message.role for message in self.messages]
        return len(roles) <= 2 and not self.streaming and not {"assistant", "tool"} & set(roles)


def _key(instruction: Instruction) -> int:
    return fingerprint(instruction.role, instruction.text)
