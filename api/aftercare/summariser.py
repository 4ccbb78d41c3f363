"""Summaries of a path's beginning: when one is due, what it covers, and who writes it.

Without a language model it is extractive and cites a message for every clause. With one, the model continues the
previous summary; should it fail or take too long, the extractive one is written instead. Nothing waits for a summary,
and its call takes no turn's place: the model it is given has slots of its own.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.commands import decided
from api.ports import ChatModel, Delta, EventLog, Finish, ModelFailed, SessionLocks
from domain import path as paths
from domain.budget import TokenCounter
from domain.errors import HeartlineError, SummaryOutdated
from domain.records import Usage
from domain.summary import Extract, Told, extract
from projections.messages import PathMessage
from projections.remembered import ROLE_NAMES, Remembered
from projections.summaries import Summary

logger = logging.getLogger(__name__)

PROVISIONAL: Final = 2
"""Messages at the path's end that a summary leaves out: the last exchange may still be swiped away."""

AT_ONCE: Final = 100
"""Messages that one summary takes in; a long import is summarised in several steps."""

WORDS: Final = 200

TOKENS: Final = 1600
"""What a model may use for one: many think first, and what they think counts."""

DEADLINE_SECONDS: Final = 120.0
"""For a model to write one: other sessions wait for theirs."""

PATIENCE_SECONDS: Final = 1.0
"""How long the background waits for a session's turn to end: others wait behind it."""

PROMPT: Final = (
    "Continue the summary below with the messages that follow it, in about 200 words in all. Keep emotional moments, "
    "decisions and facts, with names and dates; leave out small talk. Answer with the new summary alone."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """A summary that is to be written: of the path's first `count` messages, continuing `previous` with `messages`."""

    count: int
    digest: str
    previous: Summary | None
    messages: Sequence[PathMessage]
    importance: dict[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    summary: Extract
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summariser:
    """Writes summaries after every `after_messages` messages of a path. The settings ask for 2 at least; 0, which only
    code can give, writes none."""

    log: EventLog
    locks: SessionLocks
    remembered: Remembered
    model: ChatModel
    counter: TokenCounter
    after_messages: int
    deadline_seconds: float = DEADLINE_SECONDS

    def may_be_due(self, unsummarised: int) -> bool:
        """Whether so many messages, which no summary in view covers, ask for one."""
        return bool(self.after_messages) and unsummarised - PROVISIONAL >= self.after_messages

    async def summarise_if_due(self, session: UUID) -> int:
        """Write the session's next summary if its path has grown enough since the last; says how many messages it
        covers, 0 when none was written. Raises TurnAlreadyOpen while a turn is being answered."""
        due = await asyncio.to_thread(self._due, session) if self.after_messages else None
        if due is None:
            return 0
        async with self.locks.hold(session, patience_seconds=PATIENCE_SECONDS):
            pass  # nobody is being answered: what a model writes now will most likely be stored
        written = await self._write(due)

        async def attempt() -> None:
            loaded = await self.log.load(session)
            before = loaded.version
            loaded.summarise(
                written.summary,
                count=due.count,
                digest=due.digest,
                previous=due.previous.version if due.previous is not None else None,
                model=written.model,
            )
            await self.log.append(session, before, loaded.collect())

        try:
            async with self.locks.hold(session, patience_seconds=PATIENCE_SECONDS):
                await decided(attempt)
        except SummaryOutdated:
            logger.info("summary dropped: its messages left the path", extra={"session": session.hex})
            return 0
        return due.count

    def _due(self, session: UUID) -> _Due | None:
        models = self.remembered.models
        path = models.conversation.path(session)
        previous = self.remembered.summary_in_view(session, path)
        covered = previous.count if previous is not None else 0
        if not self.may_be_due(len(path) - covered):
            return None
        grown = len(path) - PROVISIONAL - covered
        count = covered + min(grown, max(AT_ONCE, self.after_messages))
        versions = path[covered:count]
        messages = models.conversation.find(session, versions)
        emotions = models.emotions.of_messages(session, versions)
        return _Due(
            count=count,
            digest=paths.digest(path[:count]),
            previous=previous,
            messages=[messages[version] for version in versions if version in messages],
            importance={version: emotion.importance for version, emotion in emotions.items()},
        )

    async def _write(self, due: _Due) -> _Written:
        if self.model.provider == "offline":
            return _extract(due)
        try:
            async with asyncio.timeout(self.deadline_seconds):
                return await self._ask(due)
        except HeartlineError as error:
            failed = error.code
        except TimeoutError:
            failed = "timeout"
        logger.warning("the model wrote no summary (%s): an extract takes its place", failed)
        return _extract(due)

    async def _ask(self, due: _Due) -> _Written:
        """Raises ModelFailed, also for a summary that is empty, cut or withheld: it would be remembered as whole."""
        before = due.previous.text if due.previous is not None else "(none yet)"
        told = "\n".join(f"{_speaker(message)}: {message.text}" for message in due.messages)
        pieces: list[str] = []
        asked = f"Summary so far:\n{before}\n\nMessages:\n{told}"
        stream = self.model.stream(
            [{"role": "system", "content": PROMPT}, {"role": "user", "content": asked}],
            model=self.model.default,
            parameters={"max_tokens": TOKENS},
        )
        async with aclosing(stream):
            async for item in stream:
                match item:
                    case Delta():
                        pieces.append(item.text)
                    case Finish(reason="stop") if text := "".join(pieces).strip():
                        usage = item.usage or self._estimate(asked, text)
                        return _Written(summary=Extract(text=text, cites=[], usage=usage), model=item.model)
                    case Finish():
                        raise ModelFailed("The model did not write a whole summary.", code=item.reason, status=502)
                    case _:
                        pass
        raise ModelFailed("The model's stream ended without saying so.", code="upstream_cut", status=502)

    def _estimate(self, asked: str, text: str) -> Usage:
        return {
            "input_tokens": self.counter.count(PROMPT) + self.counter.count(asked),
            "output_tokens": self.counter.count(text),
            "cached_tokens": 0,
            "reasoning_tokens": 0,
            "estimated": True,
        }


def _extract(due: _Due) -> _Written:
    extracted = extract(
        [
            Told(
                version=message.version,
                speaker=_speaker(message),
                text=message.text,
                importance=due.importance.get(message.version, 0.5),
            )
            for message in due.messages
        ],
        previous=Extract(text=due.previous.text, cites=due.previous.cites) if due.previous is not None else None,
        max_words=WORDS,
    )
    return _Written(summary=extracted, model="extractive:1")


def _speaker(message: PathMessage) -> str:
    return message.name or ROLE_NAMES[message.role]
