"""The end of a turn: the reply with its emotion and vectors, or the failure, as one append."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.chat.answers import Said, Spoken
from api.chat.leftovers import Leftovers, unread
from api.chat.perception import Perception
from api.chat.stopwatch import elapsed_ms
from api.commands import decided
from api.metrics import TurnEnd
from api.ports import EventLog
from domain.budget import TokenCounter
from domain.errors import HeartlineError
from domain.records import Usage
from domain.session import Session
from domain.turn import Context, Reply

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A turn under way. `begun` is its session as of the turn's own events. `arrived` is of `time.perf_counter()`;
    `appended_ms` is known once the turn is stored; `input_tokens` is our own count.

    `unread` says that the turn brought texts without vectors, `summarised` how many messages a summary covers;
    `continues` is the text that the reply goes on from, `speaker` the name of who says it."""

    session: UUID
    owner: str
    begun: Session
    turn: str
    arrived: float
    appended_ms: "asyncio.Future[float]"
    input_tokens: int
    context: Context
    unread: bool
    summarised: int
    continues: str = ""
    speaker: str | None = None

    def leftovers(self, session: Session, *, unread: bool = False) -> Leftovers:
        """What is left to the background at the turn's end, when its reply brought `unread` texts too."""
        return Leftovers(unread=self.unread or unread, unsummarised=len(session.path) - self.summarised)


async def _unmetered(owner: str, tokens: int) -> None:
    """Nobody counts."""
    del owner, tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """Ends turns."""

    log: EventLog
    perception: Perception
    counter: TokenCounter
    clock: Callable[[], datetime]
    ended: Callable[[UUID, Leftovers], None]
    """Told of each session whose turn ended, so that summaries and missing vectors follow in the background."""
    observe: Callable[[TurnEnd], None]
    """Told of each turn whose end is stored: for metrics and traces."""
    spent: Callable[[str, int], Awaitable[None]] = _unmetered
    """Told of the tokens that each reply of an owner took, its context included."""

    async def complete(self, opened: Opened, said: Said) -> Usage:
        """Store the reply; the usage is our estimate where the model did not say. Raises Unavailable or Conflict."""
        usage = said.usage or self._estimate(opened, said)
        replies = self._replies(opened, said, usage)
        # Nobody else appends while a turn is under way; should somebody have, the session is loaded.
        begun = [opened.begun]

        async def attempt() -> Leftovers:
            return await self._complete(begun.pop() if begun else await self.log.load(opened.session), opened, replies)

        self.ended(opened.session, await decided(attempt))
        self.observe(_end(opened, said.ended, reply=replies[0]))
        await self.spent(opened.owner, usage["input_tokens"] + usage["output_tokens"])
        return usage

    def _replies(self, opened: Opened, said: Said, usage: Usage) -> list[Reply]:
        """One a choice. The call was one, so its tokens are noted with the first."""
        nothing: Usage = {**usage, "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0, "reasoning_tokens": 0}
        first_token = None if said.first_token is None else elapsed_ms(opened.arrived, said.first_token)
        timings = {"append": opened.appended_ms.result(), "end": elapsed_ms(said.ended)}
        return [
            Reply(
                text=joined(opened.continues, spoken.text),
                model=said.model,
                finish_reason=spoken.reason,
                usage=nothing if place else usage,
                time_to_first_token_ms=first_token,
                duration_ms=elapsed_ms(opened.arrived, said.ended),
                timings_ms=timings,
                said_at=self.clock().isoformat(),
                name=opened.speaker,
                tool_calls=spoken.tool_calls,
            )
            for place, spoken in enumerate(said.choices)
        ]

    async def _complete(self, session: Session, opened: Opened, replies: Sequence[Reply]) -> Leftovers:
        before = session.version
        versions = session.complete_turn(opened.turn, replies)
        texts = {version: reply.text for version, reply in zip(versions, replies, strict=True) if reply.text.strip()}
        perceived = await self.perception.perceive(texts)
        session.detect(self.perception.detected(perceived))
        vectors = self.perception.vectors(session.id, perceived)
        events = session.collect()
        await self.log.append(session.id, before, events, vectors)
        return opened.leftovers(session, unread=unread(events, vectors))

    async def fail(self, opened: Opened, error: HeartlineError) -> None:
        """Store that the turn has no reply."""
        logger.info("turn failed: %s", error.code, extra={"turn": opened.turn, "session": opened.session.hex})
        failed = time.perf_counter()

        async def attempt() -> Leftovers:
            session = await self.log.load(opened.session)
            before = session.version
            session.fail_turn(opened.turn, code=error.code, detail=error.message)
            await self.log.append(opened.session, before, session.collect())
            return opened.leftovers(session)

        self.ended(opened.session, await decided(attempt))
        self.observe(_end(opened, failed, error=error))

    async def account(self, opened: Opened, said: Said) -> Usage:
        """The usage of an answer that is not kept, counted for its owner all the same."""
        usage = said.usage or self._estimate(opened, said)
        await self.spent(opened.owner, usage["input_tokens"] + usage["output_tokens"])
        return usage

    def _estimate(self, opened: Opened, said: Said) -> Usage:
        return {
            "input_tokens": opened.input_tokens,
            "output_tokens": sum(map(self._tokens, said.choices)),
            "cached_tokens": 0,
            "reasoning_tokens": 0,
            "estimated": True,
        }

    def _tokens(self, spoken: Spoken) -> int:
        return sum(map(self.counter.count, [spoken.text, *map(str, spoken.tool_calls)]))


def _end(opened: Opened, said: float, *, reply: Reply | None = None, error: HeartlineError | None = None) -> TurnEnd:
    """What observers are told, now that the end is stored; `said` is when the model had no more to say."""
    ended = time.perf_counter()
    stages = {**opened.context.timings_ms, "append": opened.appended_ms.result()}
    if reply is not None and reply.time_to_first_token_ms is not None:
        stages["first_token"] = reply.time_to_first_token_ms
    stages["end"] = elapsed_ms(said, ended)
    return TurnEnd(
        session=opened.session,
        turn=opened.turn,
        context=opened.context,
        reply=reply,
        error=error,
        arrived=opened.arrived,
        ended=ended,
        stages_ms=stages,
    )


def joined(beginning: str, rest: str) -> str:
    """A text and what was said on from it, as clients join them: by one blank, unless there is one."""
    if not beginning or not rest or beginning[-1:].isspace() or rest[:1].isspace():
        return beginning + rest
    return f"{beginning} {rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideKeeper:
    """Keeps nothing: of an answer beside the chat (`api.chat.answers.Keeper`)."""

    replies: Replies
    opened: Opened

    async def complete(self, said: Said) -> Usage:
        return await self.replies.account(self.opened, said)

    async def fail(self, error: HeartlineError) -> None:
        logger.info("an answer beside the chat failed: %s", error.code, extra={"session": self.opened.session.hex})


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnKeeper:
    """Keeps the end of one turn (`api.chat.answers.Keeper`)."""

    replies: Replies
    opened: Opened

    async def complete(self, said: Said) -> Usage:
        return await self.replies.complete(self.opened, said)

    async def fail(self, error: HeartlineError) -> None:
        await self.replies.fail(self.opened, error)
