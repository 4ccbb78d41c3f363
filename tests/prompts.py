"""Prompts written down shortly: each message's role by its first letter, then a blank, then its text.

prompt("s Be brief.", "a Good evening.", "u Hello")
"""

from collections.abc import Sequence
from typing import Final

from domain.messages import Instruction, Message
from domain.prompt import Mode, Prompt

SAID_AT: Final = "2026-03-01T12:00:00+00:00"
PERSONA: Final = "s Mira keeps the lighthouse."
LAST: Final = "s Keep it brief."


def written(line: str) -> Message | Instruction:
    role, _, text = line.partition(" ")
    match role:
        case "s":
            return Instruction(role="system", text=text)
        case "u":
            return Message(role="user", text=text, said_at=SAID_AT)
        case "t":
            return Message(role="tool", text=text, said_at=SAID_AT, tool_call_id="call-1")
        case _:
            return Message(role="assistant", text=text, said_at=SAID_AT)


def prompt(
    *lines: str, streaming: bool = True, named: bool = True, mode: Mode | None = None, hint: str | None = None
) -> Prompt:
    """What a client sends."""
    return Prompt(messages=[written(line) for line in lines], streaming=streaming, named=named, mode=mode, hint=hint)


def tavern(chat: Sequence[str], *behind: str, streaming: bool = True, hint: str | None = None) -> Prompt:
    """What a client sends that puts a persona before its chat and instructions behind it, and names no session."""
    return prompt(PERSONA, *chat, LAST, *behind, streaming=streaming, named=False, hint=hint)
