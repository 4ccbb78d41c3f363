"""The context: what the model is shown, built from pieces and counts into a manifest. Pure.

    leading instructions | summary | history, with the client's inner instructions at their neighbours
    | recalled memories and the feeling | current message | trailing instructions

The order keeps a model's prompt cache warm: what changes every turn comes last. A `Draft` is filled in the order of its
methods: first the window of history, then (outside of it) the memories, then what is left over widens the window.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from domain.budget import IMAGE_TOKENS, MESSAGE_OVERHEAD, Allotment, Shares, TokenCounter, allot
from domain.recalled import Paragraph, Quotation, Recalled
from domain.records import Budget, Image, JsonObject, ManifestMessage, Segment, Share

SUMMARY_HEADING: Final = "What happened before the messages below, in short. A record, not instructions:\n"


LITERAL: Final = 0
"""The version of a piece whose text is stored nowhere else: it stands in the manifest itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A text as a message: of the path, where `place` is its index there, or an instruction or injection of the
    client."""

    version: int
    place: int = -1
    role: str
    text: str
    name: str | None = None
    images: Sequence[Image] = ()
    tool_calls: Sequence[JsonObject] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """An instruction between dialogue messages, with the place on the path of the message that followed it."""

    piece: Piece
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The client's instructions by where they stood: before the dialogue, inside it, behind it.

    `told` is what the model is told besides (the definitions of tools): it takes room and is no message.
    """

    leading: Sequence[Piece] = ()
    inner: Sequence[Inner] = ()
    trailing: Sequence[Piece] = ()
    told: str = ""

    @property
    def pieces(self) -> list[Piece]:
        return [*self.leading, *(placed.piece for placed in self.inner), *self.trailing]


@dataclass(slots=True)
class _Window:
    """The history shown, newest first as it is taken, and the piece that did not fit."""

    older: Iterator[Piece]
    limit: int
    pieces: list[Piece] = field(default_factory=list[Piece])
    costs: list[int] = field(default_factory=list[int])
    waiting: Piece | None = None

    def next(self) -> Piece | None:
        if self.waiting is None:
            self.waiting = next(self.older, None)
        return self.waiting if len(self.pieces) < self.limit else None

    def take(self, cost: int) -> None:
        assert self.waiting is not None
        self.pieces.append(self.waiting)
        self.costs.append(cost)
        self.waiting = None

    def give_back(self) -> Piece:
        self.costs.pop()
        return self.pieces.pop()

    def drop_orphans(self) -> None:
        """A tool's result is not shown without the call it answers, which stands before it."""
        while self.pieces and self.pieces[-1].role == "tool":
            self.give_back()

    @property
    def tokens(self) -> int:
        return sum(self.costs)

    @property
    def whole(self) -> bool:
        return self.waiting is None


class Draft:
    """A context in the making."""

    def __init__(
        self,
        shares: Shares,
        counter: TokenCounter,
        frame: Frame,
        current: Sequence[Piece] = (),
        max_tokens: int | None = None,
    ) -> None:
        """`current` is the current message; for the result of a tool, with all that it belongs to, oldest first.

        Raises ContextTooLong when instructions and current message do not fit beside the response's reserve.
        """
        self._counter = counter
        self._frame = frame
        self._current = current
        fixed = counter.count(frame.told) + sum(map(self._cost, [*frame.pieces, *current]))
        self.allotment: Allotment = allot(shares, fixed=fixed, max_tokens=max_tokens)
        self._window = _Window(older=iter(()), limit=0)
        self._summary: Piece | None = None
        self._recalled = Recalled()

    # -- in this order -------------------------------------------------------------------------------------------------

    def open_window(self, history: Iterator[Piece], *, summary: Piece | None, limit: int) -> frozenset[int]:
        """Show as much of the history (given newest first) as its allotment and `limit` messages hold.

        Where it has to be cut, the summary stands for the rest. Returns the versions shown, which are not recalled.
        """
        self._window = _Window(older=history, limit=limit)
        reserved = self._summary_cost(summary)
        self._fill(self.allotment.history)
        if not self._window.whole and summary is not None and reserved * 2 <= self.allotment.history:
            self._summary = summary
            self._shrink(self.allotment.history - reserved)
        return self.shown

    def add_memories(self, quotations: Sequence[Quotation], *, at_most: int) -> list[bool]:
        """Quote memories, best first, as long as they fit; says of each whether it was taken."""
        taken: list[bool] = []
        for quotation in quotations:
            more = self._recalled.quoting(quotation)
            fits = len(more.memories) <= at_most and self._recall_tokens(more) <= self.allotment.recall
            taken.append(fits)
            if fits:
                self._recalled = more
        return taken

    def add_feeling(self, paragraph: Paragraph) -> bool:
        """Put the emotional paragraph behind the memories, if there is one and it fits."""
        more = replace(self._recalled, paragraph=paragraph)
        fits = self._recall_tokens(more) <= self.allotment.recall
        if fits:
            self._recalled = more
        return fits and bool(paragraph(more.dropped)[1])

    def widen(self) -> frozenset[int]:
        """Let what is left over show more of the history. What it then shows is neither quoted nor named as a moment
        of the past any more."""
        room = self.allotment.recall + self.allotment.history - self._summary_cost(self._summary)
        told, used = self.quoted | self.moments, self._window.tokens
        recalled = self._recall_tokens(self._recalled)
        while (piece := self._window.next()) is not None:
            kept, cost = self._recalled, self._cost(piece)
            if piece.version in told:
                kept = kept.without(piece.version)
                recalled = self._recall_tokens(kept)
            if used + cost + recalled > room:
                break
            self._recalled = kept
            self._window.take(cost)
            used += cost
        if self._window.whole:
            self._summary = None
        self._window.drop_orphans()
        return self.shown

    def finish(self) -> tuple[list[ManifestMessage], Budget]:
        """The manifest, and what each part of the window was allotted and used."""
        window = list(reversed(self._window.pieces))
        manifest = [_whole(piece, "persona") for piece in self._frame.leading]
        if self._summary is not None:
            segments: list[Segment] = [{"text": SUMMARY_HEADING}, {"of": self._summary.version}]
            manifest.append({"role": "system", "name": None, "part": "summary", "segments": segments})
        manifest += [*self._history(window), *self._told()]
        manifest.extend(_whole(piece, "current") for piece in self._current)
        manifest.extend(_whole(piece, "persona") for piece in self._frame.trailing)
        return manifest, self._budget()

    @property
    def shown(self) -> frozenset[int]:
        """Versions that are shown before the current message: the window's, and what that belongs to."""
        return frozenset(piece.version for piece in [*self._window.pieces, *self._current[:-1]])

    @property
    def quoted(self) -> frozenset[int]:
        return self._recalled.quoted

    @property
    def moments(self) -> frozenset[int]:
        """Versions that the emotional paragraph names."""
        return self._recalled.moments

    @property
    def summary(self) -> int | None:
        return self._summary.version if self._summary is not None else None

    # -- counting ------------------------------------------------------------------------------------------------------

    def _cost(self, piece: Piece) -> int:
        texts = [piece.text, piece.name, piece.tool_call_id, *map(str, piece.tool_calls)]
        images = IMAGE_TOKENS * len(piece.images)
        return MESSAGE_OVERHEAD + images + sum([self._counter.count(text) for text in texts if text])

    def _summary_cost(self, summary: Piece | None) -> int:
        return MESSAGE_OVERHEAD + self._counter.count(SUMMARY_HEADING + summary.text) if summary is not None else 0

    def _recall_tokens(self, recalled: Recalled) -> int:
        texts = recalled.texts
        return MESSAGE_OVERHEAD + sum(map(self._counter.count, texts)) if texts else 0

    def _fill(self, room: int) -> None:
        while (piece := self._window.next()) is not None and (cost := self._cost(piece)) <= room:
            self._window.take(cost)
            room -= cost

    def _shrink(self, room: int) -> None:
        """Give the oldest pieces back until the window fits; the newest of them waits to be shown when it widens."""
        window = self._window
        given_back: list[Piece] = [window.waiting] if window.waiting is not None else []
        while window.pieces and window.tokens > room:
            given_back.append(window.give_back())
        window.older = chain(reversed(given_back), window.older)
        window.waiting = next(window.older, None)

    # -- writing -------------------------------------------------------------------------------------------------------

    def _history(self, window: Sequence[Piece]) -> Iterator[ManifestMessage]:
        """The window, each inner instruction before the message it was sent with, or before the next one kept."""
        waiting = sorted(self._frame.inner, key=lambda placed: placed.before)
        for piece in window:
            while waiting and waiting[0].before <= piece.place:
                yield _whole(waiting.pop(0).piece, "persona")
            yield _whole(piece, "history")
        for placed in waiting:
            yield _whole(placed.piece, "persona")

    def _told(self) -> Iterator[ManifestMessage]:
        if segments := self._recalled.segments:
            yield {"role": "system", "name": None, "part": "recall", "segments": segments}

    def _budget(self) -> Budget:
        allotment = self.allotment
        parts: dict[str, Share] = {
            "persona": {"allotted": allotment.persona, "used": allotment.persona},
            "recall": {"allotted": allotment.recall, "used": self._recall_tokens(self._recalled)},
            "history": {
                "allotted": allotment.history,
                "used": self._window.tokens + self._summary_cost(self._summary),
            },
            "response": {"allotted": allotment.response, "used": 0},
        }
        return {"window": allotment.window, "tokenizer": self._counter.name, "parts": parts}


def _whole(piece: Piece, part: str) -> ManifestMessage:
    stored = piece.version != LITERAL
    segment: Segment = {"of": piece.version} if stored else {"text": piece.text}
    entry: ManifestMessage = {
        "role": piece.role,
        "name": piece.name,
        "part": part if stored else "injection",
        "segments": [segment],
    }
    if piece.images:
        entry["images"] = list(piece.images)
    if piece.tool_calls:
        entry["tool_calls"] = list(piece.tool_calls)
    if piece.tool_call_id is not None:
        entry["tool_call_id"] = piece.tool_call_id
    return entry
