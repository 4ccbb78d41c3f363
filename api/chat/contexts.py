"""Builds the context of a turn from what the session remembers: window, recall, feeling, manifest.

Reads views and computes; calls no model. All of it blocks: call it off the event loop.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final
from uuid import UUID

from api.chat.incoming import Incoming
from api.chat.request import TurnRequest
from api.chat.seeking import CONSIDERED, Seeking, Sought
from api.chat.stopwatch import elapsed_ms
from domain.ago import ago
from domain.budget import Shares, TokenCounter
from domain.calls import answered, exchange
from domain.context import LITERAL, Draft, Frame, Inner, Piece
from domain.emotion import NEUTRAL
from domain.errors import Unavailable
from domain.feeling import CONFIDENT, MOMENT_CHARACTERS, MOMENTS, Moment, paragraph
from domain.keys import key
from domain.manifest import context_sha256, render
from domain.messages import Instruction
from domain.recalled import Paragraph, Quotation
from domain.records import NeutralMessage
from domain.turn import Context
from projections.recall import Ranked, Ranking, View
from projections.remembered import Remembered, Told

BLOCK: Final = 64
"""Messages of the history that are read at once, from the newest backwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A context ready to be stored and sent. `left_out` counts the client's messages that it does not show,
    `summarised` those of the path that a summary covers, whether or not it is shown; `ranking` is what was recalled."""

    context: Context
    messages: list[NeutralMessage]
    left_out: int
    summarised: int
    ranking: Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """The builder, with the rules it builds by."""

    seeking: Seeking
    shares: Shares
    counter: TokenCounter
    window_messages: int
    process: str

    @property
    def remembered(self) -> Remembered:
        return self.seeking.remembered

    def refuse_too_long(self, request: TurnRequest) -> None:
        """Raises ContextTooLong when what is never cut does not fit: the instructions and the last message."""
        uncut = [*request.instructions, *request.dialogue[-1:]]
        pieces = [Piece(version=LITERAL, role=one.role, text=one.text, name=one.name) for one in uncut]
        Draft(self.shares, self.counter, Frame(leading=pieces), (), request.max_tokens)

    def build(self, incoming: Incoming, now: str) -> Built:
        """Decide what the model is shown. Raises ContextTooLong when what is never cut does not fit, Unavailable when
        the views lack a message in view."""
        return _Building(self, incoming, now).build()


class _Building:
    """One context being built."""

    def __init__(self, rules: Contexts, incoming: Incoming, now: str) -> None:
        self._rules = rules
        self._incoming = incoming
        self._now = now
        self._session: UUID = incoming.session.id
        self._path = incoming.session.path
        self._texts: dict[int, str] = {}

    def build(self) -> Built:
        started = time.perf_counter()
        rules, incoming = self._rules, self._incoming
        frame, current = self._frame(), self._current()
        draft = Draft(rules.shares, rules.counter, frame, current, incoming.max_tokens)
        summary = rules.remembered.summary_in_view(self._session, self._path, incoming.at)
        draft.open_window(
            answered(self._backwards(self._before(current))),
            summary=self._note(Piece(version=summary.version, role="system", text=summary.text)) if summary else None,
            limit=rules.window_messages,
        )
        ranking, recall_ms = self._rank(draft)
        # Before the memories, which take all the room there is.
        if current and current[-1].role == "user":
            draft.add_feeling(self._paragraph(draft))
        self._quote(draft, ranking)
        # What the widened window shows by now was not recalled, nor left out.
        ranking.settle(draft.widen())
        context, messages = self._finish(draft, ranking, started=started, recall_ms=recall_ms)
        left_out = max(0, len(incoming.request.dialogue) - len(draft.shown) - 1)
        summarised = summary.count if summary is not None else 0
        return Built(context=context, messages=messages, left_out=left_out, summarised=summarised, ranking=ranking)

    # -- what goes in --------------------------------------------------------------------------------------------------

    def _note(self, piece: Piece) -> Piece:
        """Remember the piece's text: the manifest names it, and the context is rendered from the manifest."""
        if piece.version != LITERAL:
            self._texts[piece.version] = piece.text
        return piece

    def _frame(self) -> Frame:
        """The client's instructions, and what it injected among them, by where they stood in the dialogue."""
        places, aside = self._places(), self._incoming.result.aside
        leading: list[Piece] = []
        inner: list[Inner] = []
        waiting: list[Piece] = []
        versions = iter(self._incoming.received.instructions)
        spoken = known = 0
        for message in self._incoming.request.messages:
            if isinstance(message, Instruction) or spoken in aside:
                version = next(versions) if isinstance(message, Instruction) else LITERAL
                piece = Piece(version=version, role=message.role, text=message.text, name=message.name)
                (waiting if known else leading).append(self._note(piece))
            else:
                place = places[spoken]
                if place is not None:
                    inner.extend(Inner(piece=piece, before=place) for piece in waiting)
                    waiting = []
                known += 1
            spoken += not isinstance(message, Instruction)
        return Frame(leading=leading, inner=inner, trailing=waiting, told=self._incoming.tools)

    def _places(self) -> list[int | None]:
        """The index on the path of each of the transcript's messages, None where it has none."""
        versions = self._incoming.places
        wanted = {version for version in versions if version is not None}
        index: dict[int, int] = {}
        for place in range(len(self._path) - 1, -1, -1):
            if len(index) == len(wanted):
                break
            if self._path[place] in wanted:
                index[self._path[place]] = place
        return [None if version is None else index.get(version) for version in versions]

    def _current(self) -> list[Piece]:
        """The current message; of a tool's result, with what it belongs to."""
        last = self._pieces(max(0, len(self._path) - 1), len(self._path))
        return exchange(chain(last, self._backwards(len(self._path) - 1)))

    def _before(self, current: Sequence[Piece]) -> int:
        """The place on the path where the history ends."""
        return current[0].place if current else 0

    def _backwards(self, end: int) -> Iterator[Piece]:
        """The path before a place, newest first, read a block at a time."""
        while end > 0:
            start = max(0, end - BLOCK)
            yield from reversed(list(self._pieces(start, end)))
            end = start

    def _pieces(self, start: int, end: int) -> Iterator[Piece]:
        new = self._incoming.new
        versions = self._path[start:end]
        stored = self._rules.remembered.messages(self._session, [version for version in versions if version not in new])
        for place, version in enumerate(versions, start):
            message = new.get(version) or stored.get(version)
            if message is None:
                # A view that stopped: nothing is left away quietly.
                raise Unavailable(f"The read models lack message {version} of the session.")
            yield self._note(
                Piece(
                    version=version,
                    place=place,
                    role=message.role,
                    text=message.text,
                    name=message.name,
                    images=message.images,
                    tool_calls=message.tool_calls,
                    tool_call_id=message.tool_call_id,
                )
            )

    # -- what is recalled ----------------------------------------------------------------------------------------------

    def _rank(self, draft: Draft) -> tuple[Ranking, float]:
        started = time.perf_counter()
        rules, incoming = self._rules, self._incoming
        others = rules.remembered.beside_path(self._session, self._path, incoming.received.instructions, incoming.at)
        summary = [draft.summary] if draft.summary is not None else []
        view = View(
            path=self._incoming.session.path[:-1], beside=others, shown=draft.shown.union(summary), at=incoming.at
        )
        return rules.seeking.seek(self._session, incoming.query, view), elapsed_ms(started)

    def _quote(self, draft: Draft, ranking: Ranking) -> None:
        """Fill the places that recall has, best candidates first; what history or the feeling's moments show already is
        not said again. A moment too long to be told whole does not stand in the way of the memory."""
        shown = draft.shown
        seen = {key("", self._texts[version]) for version in shown}
        seen |= {key("", self._texts[version][:MOMENT_CHARACTERS]) for version in draft.moments}
        whole = shown.issuperset(self._path[:1])
        seeking, policy = self._rules.seeking, self._rules.seeking.policy
        sought = Sought(session=self._session, filters=self._incoming.request.filters, at=self._incoming.at)
        for ranked, source in seeking.sources(sought, ranking, CONSIDERED):
            if len(draft.quoted) >= policy.top_k or ranked.score < policy.threshold:
                break
            if source is None:
                ranking.decide(ranked.rank, "filtered")
                continue
            if ranked.document.kind == "summary" and whole:
                ranking.decide(ranked.rank, "in_window")
                continue
            quotation = self._quotation(ranked, source)
            if key("", quotation.text) in seen or self._stands_in_instruction(quotation):
                ranking.decide(ranked.rank, "duplicate")
                continue
            (taken,) = draft.add_memories([quotation], at_most=policy.top_k)
            ranking.decide(ranked.rank, "kept" if taken else "over_budget")
            if taken:
                seen.add(key("", quotation.text))
                self._texts[quotation.version] = source.text

    def _stands_in_instruction(self, quotation: Quotation) -> bool:
        """A persona that differs from an older one in a word or two need not be quoted beside it."""
        present = self._incoming.received.instructions
        return quotation.kind == "persona" and any(quotation.text in self._texts[version] for version in present)

    def _quotation(self, ranked: Ranked, source: Told) -> Quotation:
        document = ranked.document
        return Quotation(
            kind=document.kind,
            version=document.version,
            speaker=source.speaker,
            when=ago(source.said_at, self._now) if source.said_at else "earlier",
            text=source.text[document.start : document.end],
            start=document.start,
            end=document.end,
        )

    def _paragraph(self, draft: Draft) -> Paragraph:
        emotion, moments = self._incoming.emotion, self._moments(draft)
        return lambda without: paragraph(emotion, [moment for moment in moments if moment.version not in without])

    def _moments(self, draft: Draft) -> list[Moment]:
        """Past moments with the same feeling, the latest first, that the window does not show."""
        emotion = self._incoming.emotion
        if emotion.dominant == NEUTRAL or emotion.confidence <= CONFIDENT:
            return []
        shown = draft.shown
        older = [version for version in self._path[:-1] if version not in shown]
        remembered = self._rules.remembered
        felt = remembered.moments(self._session, older, emotion.dominant, MOMENTS, at=self._incoming.at)
        messages = remembered.messages(self._session, felt)
        for version, message in messages.items():
            self._texts[version] = message.text
        return [
            Moment(version=version, text=messages[version].text, when=ago(messages[version].said_at, self._now))
            for version in reversed(felt)
        ]

    # -- what comes out ------------------------------------------------------------------------------------------------

    def _finish(
        self, draft: Draft, ranking: Ranking, *, started: float, recall_ms: float
    ) -> tuple[Context, list[NeutralMessage]]:
        rules, incoming = self._rules, self._incoming
        manifest, budget = draft.finish()
        messages = render(manifest, self._texts)
        recall = rules.seeking.record(ranking, incoming.request.filters)
        sha256 = context_sha256(messages)
        timings = {**incoming.timings_ms, "recall": recall_ms, "context": round(elapsed_ms(started) - recall_ms, 3)}
        context = Context(
            kind=incoming.kind,
            process=rules.process,
            query=self._path[-1] if self._path else None,
            manifest=manifest,
            sha256=sha256,
            now=self._now,
            model=incoming.model,
            parameters=incoming.request.parameters,
            budget={**budget, "division": rules.shares.division(rules.window_messages)},
            recall=recall,
            persona=incoming.received.persona,
            summary=draft.summary,
            timings_ms=timings,
            transcript=incoming.result.record,
        )
        return context, messages
