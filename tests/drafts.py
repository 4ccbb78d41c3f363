"""What the tests of the context share: counters that need no vocabulary, and a draft filled in its order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.budget import IMAGE_TOKENS, MESSAGE_OVERHEAD, Shares, TokenCounter
from domain.context import Draft, Frame, Piece
from domain.manifest import render
from domain.recalled import Quotation
from domain.records import Budget, ManifestMessage, NeutralMessage, Segment


class Words:
    """Counts words."""

    name = "words"

    def count(self, text: str) -> int:
        return len(text.split())


class Quarters:
    """A quarter of the UTF-8 bytes and ten percent, rounded up: near to what a vocabulary gives."""

    name = "quarters+10%"

    def count(self, text: str) -> int:
        return math.ceil(len(text.encode()) / 4 * 1.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """All that a context is made of. `history` is oldest first, `memories` best first."""

    shares: Shares = field(default_factory=Shares)
    counter: TokenCounter = field(default_factory=Words)
    frame: Frame = field(default_factory=Frame)
    current: Piece | None = None
    history: Sequence[Piece] = ()
    memories: Sequence[Quotation] = ()
    summary: Piece | None = None
    feeling: str = ""
    limit: int = 1000
    top_k: int = 10
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The context that a wish came to."""

    manifest: list[ManifestMessage]
    budget: Budget
    rendered: list[NeutralMessage]
    shown: frozenset[int]
    quoted: frozenset[int]
    taken: list[bool]
    summary: int | None

    def part(self, *parts: str) -> list[str]:
        """What is rendered of these parts."""
        pairs = zip(self.manifest, self.rendered, strict=True)
        return [message["content"] for entry, message in pairs if entry["part"] in parts]


def made(wish: Wish) -> Made:
    """Fill a draft in its order, recalling only what is not shown. Raises ContextTooLong."""
    current = [wish.current] if wish.current else []
    draft = Draft(wish.shares, wish.counter, wish.frame, current, wish.max_tokens)
    shown = draft.open_window(reversed(wish.history), summary=wish.summary, limit=wish.limit)
    taken = draft.add_memories([one for one in wish.memories if one.version not in shown], at_most=wish.top_k)
    if wish.feeling:
        segments: list[Segment] = [{"text": wish.feeling}]
        draft.add_feeling(lambda _: (segments, wish.feeling))
    shown = draft.widen()
    manifest, budget = draft.finish()
    return Made(
        manifest=manifest,
        budget=budget,
        rendered=render(manifest, texts_of(wish)),
        shown=shown,
        quoted=draft.quoted,
        taken=taken,
        summary=draft.summary,
    )


def texts_of(wish: Wish) -> dict[int, str]:
    """Every stored text that the context may name. A sliced memory's text stands in it where it says."""
    texts = {one.version: "." * (one.start or 0) + one.text for one in wish.memories}
    pieces = [*wish.frame.pieces, *wish.history, *([wish.current] if wish.current else [])]
    pieces += [wish.summary] if wish.summary else []
    return texts | {piece.version: piece.text for piece in pieces}


def tokens_of(message: NeutralMessage, counter: TokenCounter) -> int:
    """What a rendered message costs."""
    calls = "".join(map(str, message.get("tool_calls", [])))
    texts = (message["content"], message.get("name", ""), message.get("tool_call_id", ""), calls)
    images = IMAGE_TOKENS * len(message.get("images", []))
    return MESSAGE_OVERHEAD + images + sum(counter.count(text) for text in texts if text)
