"""A client that sends its whole prompt every time and never says what its user did: a model of SillyTavern.

It keeps a chat of its own, as the user sees it, and makes the prompts that it would send of it: a persona, a note at a
depth, post-history instructions behind. What the user does to the chat sends nothing; it shows in the next prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.messages import Instruction, Message
from domain.prompt import Prompt
from tests.prompts import SAID_AT

PERSONA: Final = "Mira keeps the lighthouse at Gull Point and counts the ships."
POST_HISTORY: Final = "Keep Mira brief."
NOTE: Final = "[Mira never leaves the lighthouse.]"
NUDGE: Final = "[Go on with your last words, and do not repeat them.]"
DEPTH: Final = 4


@dataclass
class Line:
    """A message of the chat. `variants` are the replies it was swiped through, the one shown included; `seen` says that
    it was ever sent as it stands, or came."""

    role: str
    text: str
    hidden: bool = False
    seen: bool = True
    variants: list[str] = field(default_factory=list[str])


@dataclass
class Tavern:
    """The client. `limit` is how many of its last messages fit, `lore` a text that it injects as the user's."""

    chat: list[Line] = field(default_factory=list[Line])
    limit: int | None = None
    lore: str | None = None
    lore_depth: int = 2

    # -- what is on the screen -----------------------------------------------------------------------------------------

    @property
    def shown(self) -> list[Line]:
        return [line for line in self.chat if not line.hidden]

    @property
    def window(self) -> list[Line]:
        """What of it fits."""
        return self.shown if self.limit is None else self.shown[-self.limit :]

    @property
    def answers(self) -> bool:
        """Whether the last message is a reply."""
        return bool(self.shown) and self.chat[-1] is self.shown[-1] and self.chat[-1].role == "assistant"

    @property
    def doubled(self) -> bool:
        """Whether two replies follow each other at the end."""
        return len(self.shown) > 1 and self.shown[-2].role == "assistant"

    # -- what the user does --------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        self.chat.append(Line("user", text))

    def hear(self, text: str) -> None:
        self.chat.append(Line("assistant", text, variants=[text]))

    def swipe(self) -> Line:
        """Take the last reply away, to have another."""
        return self.chat.pop()

    # -- what is sent --------------------------------------------------------------------------------------------------

    def prompt(self, *, streaming: bool = True, behind: Sequence[str] = ()) -> Prompt:
        """For a reply to what is there; `behind` stand instructions behind all others."""
        return self._prompt([*self._history(self.window), *map(_system, (POST_HISTORY, *behind))], streaming=streaming)

    def continuing(self, *, nudged: bool = True) -> Prompt:
        """For the rest of the last message, which stands behind the post-history instructions then."""
        *before, last = self._history(self.window)
        nudge = [_system(NUDGE)] if nudged else []
        return self._prompt([*before, _system(POST_HISTORY), last, *nudge])

    def _prompt(self, behind: Sequence[Message | Instruction], *, streaming: bool = True) -> Prompt:
        return Prompt(messages=[_system(PERSONA), *behind], streaming=streaming, named=False)

    def _history(self, lines: Sequence[Line]) -> list[Message | Instruction]:
        sent: list[Message | Instruction] = [_said(line.role, line.text) for line in lines]
        sent.insert(max(0, len(sent) - DEPTH), _system(NOTE))
        if self.lore is not None:
            sent.insert(max(0, len(sent) - self.lore_depth), _said("user", self.lore))
        return sent


def _system(text: str) -> Instruction:
    return Instruction(role="system", text=text)


def _said(role: str, text: str) -> Message:
    return Message(role="user" if role == "user" else "assistant", text=text, said_at=SAID_AT)
