"""How the context window is divided: persona and recall, history and response, in tokens.

The client's instructions and the current message are never cut. What they take beyond their share comes from history
first, then from recall; what a part leaves unused goes to the next. Pure: the counter is handed in.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from domain.errors import ContextTooLong
from domain.records import Division

MESSAGE_OVERHEAD: Final = 4
"""Tokens that a chat template adds around each message."""


IMAGE_TOKENS: Final = 765
"""What an image takes: as many as OpenAI counts for one of 1024 by 1024 points; Gemini counts 258 or 1,120."""


class TokenCounter(Protocol):
    """Counts tokens, safety margin included. Equal names mean equal counts."""

    @property
    def name(self) -> str: ...

    def count(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The context window in tokens and how many percent of it each part is given."""

    window: int = 4096
    persona: int = 20
    recall: int = 25
    history: int = 35
    response: int = 20

    @classmethod
    def divided(cls, window: int, division: Division) -> "Shares":
        """A window of so many tokens, divided as another one was."""
        return cls(
            window=window,
            persona=division["persona"],
            recall=division["recall"],
            history=division["history"],
            response=division["response"],
        )

    def division(self, messages: int) -> Division:
        """The rule as it is recorded; `messages` is how many of the history the window may show."""
        return Division(
            persona=self.persona,
            recall=self.recall,
            history=self.history,
            response=self.response,
            messages=messages,
        )

    def part(self, percent: int) -> int:
        """Tokens that a share of the window is."""
        return self.window * percent // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """Tokens that each part of one context may use. `persona` is what the instructions and current message do use."""

    window: int
    persona: int
    recall: int
    history: int
    response: int


def allot(shares: Shares, *, fixed: int, max_tokens: int | None) -> Allotment:
    """Divide the window when instructions and current message take `fixed` tokens.

    The response is reserved `max_tokens` if the client gave it, at most half of the window: it reserves, it does not
    limit. Raises ContextTooLong when what is never cut does not fit beside the reserve.
    """
    response = shares.part(shares.response)
    if max_tokens is not None:
        response = min(max_tokens, shares.window // 2)
    if shares.window - response < fixed:
        raise ContextTooLong(
            f"The instructions and the current message take {fixed} tokens; with {response} reserved for the response "
            f"they exceed the context window of {shares.window}. Shorten them, lower max_tokens or raise "
            "CONTEXT_WINDOW_TOKENS.",
            param="messages",
        )
    spare = shares.part(shares.persona) - fixed + shares.part(shares.response) - response
    room = shares.window - response - fixed
    history = shares.part(shares.history) + spare
    recall = min(room, max(0, shares.part(shares.recall) + min(0, history)))
    history = min(room - recall, max(0, history))
    return Allotment(window=shares.window, persona=fixed, recall=recall, history=history, response=response)
