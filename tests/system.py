"""A whole system for tests: real log, views and follower in a directory, and by default fakes for model and encoder.

    async with system(tmp_path) as heartline:
        await heartline.talk("tea", "Hello")
        state = await heartline.sessions.state(OWNER, "tea", at=None)

The background worker does not run by itself: `heartline.look_after("tea")` does what it would do.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from api.access.allowance import Allowance, Unlimited
from api.access.room import SessionRoom
from api.adapters.foreign_events import MappedForeignEvents
from api.adapters.sqlite_log import SqliteEventLog
from api.adapters.turn_locks import FileTurnLocks
from api.aftercare.summariser import Summariser
from api.aftercare.worker import Aftercare, AftercareParts
from api.archive.archive import Archive
from api.archive.exports import ExportReader
from api.chat.album import Album
from api.chat.comparison import Comparison
from api.chat.contexts import Contexts
from api.chat.decisions import Decisions
from api.chat.edits import Edits
from api.chat.perception import Perception
from api.chat.replies import Replies
from api.chat.request import Address, Answer, TurnRequest
from api.chat.resolution import Resolver
from api.chat.seeking import Seeking
from api.chat.turns import TurnParts, Turns
from api.metrics import TurnEnd
from api.ports import ChatModel, Delta, Encoder, EventLog, Reranker
from api.prices import price_list
from api.reasons.reasons import SessionReasons
from api.sessions.branches import Branches
from api.sessions.sessions import SessionReads
from domain.budget import Shares, TokenCounter
from domain.emotion import KeywordDetector
from domain.messages import Instruction, Message
from domain.records import JsonObject
from domain.session import session_id
from projections.acquaintances import Acquaintances
from projections.follower import Follower
from projections.indexes import Indexes
from projections.policies import HYBRID, Policy
from projections.read_models import ReadModels
from projections.remembered import Remembered
from projections.token_vectors import Projection
from projections.views import FILE_NAME
from tests.fakes_models import HashEncoder, ScriptedModel, WordTokens

OWNER: Final = "local"
NOON: Final = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **units: float) -> None:
        """Let time go by, for instance `days=3`."""
        self.now += timedelta(**units)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a system is told by its settings."""

    policy: Policy = HYBRID
    shares: Shares = field(default_factory=Shares)
    window_messages: int = 10_000
    summarise_after: int = 20
    summary_seconds: float = 60
    sessions: int = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What a system talks to. Without a log it has one on SQLite, which it closes."""

    log: EventLog | None = None
    model: ChatModel = field(default_factory=ScriptedModel)
    encoder: Encoder = field(default_factory=HashEncoder)
    counter: TokenCounter = field(default_factory=WordTokens)
    clock: Clock = field(default_factory=Clock)
    allowance: Allowance = field(default_factory=Unlimited)
    observe: Callable[[TurnEnd], None] = lambda end: None
    reranker: Reranker | None = None
    projection: Projection | None = None


@dataclass(frozen=True, kw_only=True)
class System:
    """A running system and its parts."""

    log: EventLog
    models: ReadModels
    follower: Follower
    remembered: Remembered
    indexes: Indexes
    perception: Perception
    contexts: Contexts
    turns: Turns
    aftercare: Aftercare
    sessions: SessionReads
    branches: Branches
    reasons: SessionReasons
    archive: Archive
    clock: Clock

    async def ask(self, session: str | None, *messages: Message | Instruction, owner: str = OWNER) -> Answer:
        """The answer to a transcript, as it begins."""
        address = Address(external_id=session, identified_by="header") if session is not None else Address()
        return await self.turns.answer(self.request(address, messages, owner=owner))

    async def talk(self, session: str, *said: str, owner: str = OWNER) -> list[str]:
        """Say one thing after another as a client that sends only its newest message; the turns' ids."""
        turns: list[str] = []
        for text in said:
            answer = await self.ask(session, self.said(text), owner=owner)
            await read(answer)
            turns.append(answer.turn)
        return turns

    async def look_after(self, session: str, *, owner: str = OWNER) -> None:
        """Do what the background worker would do about the session."""
        await self.aftercare.look_after(session_id(owner, session))

    def said(self, text: str, *, name: str | None = None) -> Message:
        """A user's message of now."""
        return Message(role="user", text=text, name=name, said_at=self.clock().isoformat())

    def request(
        self,
        address: Address,
        messages: Sequence[Message | Instruction],
        *,
        owner: str = OWNER,
        parameters: JsonObject | None = None,
    ) -> TurnRequest:
        """A request as the routes make it."""
        return TurnRequest(
            owner=owner,
            address=address,
            messages=messages,
            model=None,
            parameters=parameters or {},
            arrived=time.perf_counter(),
            parse_ms=0.1,
        )


@asynccontextmanager
async def system(
    directory: Path, *, outside: Outside | None = None, rules: Rules | None = None
) -> AsyncGenerator[System, None]:
    """A system in this directory, as it was left there before, until the context ends."""
    outside, rules = outside or Outside(), rules or Rules()
    stored = _open(directory, outside)
    stored.follower.start()
    built = _assemble(outside, rules, stored)
    try:
        yield built
    finally:
        await built.turns.close()
        await built.aftercare.close()
        stored.follower.close()
        stored.models.close()
        stored.locks.close()
        if outside.log is None:
            await stored.log.close()


async def read(answer: Answer) -> str:
    """The whole text of an answer, which is stored when this returns."""
    return "".join([item.text async for item in answer.stream() if isinstance(item, Delta)])


@dataclass(frozen=True, kw_only=True)
class _Stored:
    log: EventLog
    models: ReadModels
    follower: Follower
    locks: FileTurnLocks


def _open(directory: Path, outside: Outside) -> _Stored:
    directory.mkdir(parents=True, exist_ok=True)
    log = outside.log or SqliteEventLog(directory / "events.sqlite")
    models = ReadModels.open(directory / FILE_NAME)
    locks = FileTurnLocks(directory / "turns.lock", patience_seconds=5.0)
    return _Stored(log=log, models=models, follower=models.follow(log), locks=locks)


def _assemble(outside: Outside, rules: Rules, stored: _Stored) -> System:
    log, models, follower = stored.log, stored.models, stored.follower
    remembered = Remembered(models)
    perception = Perception(outside.encoder, KeywordDetector(), projection=outside.projection)
    indexes = Indexes(remembered, embedders=perception.embedders, dimensions=outside.encoder.dimensions)
    seeking = Seeking(remembered=remembered, indexes=indexes, policy=rules.policy, reranker=outside.reranker)
    aftercare = _aftercare(outside, rules, stored, remembered, perception)
    contexts = Contexts(
        seeking=seeking,
        shares=rules.shares,
        counter=outside.counter,
        window_messages=rules.window_messages,
        process="test",
    )
    room = SessionRoom(follower=follower, catalogue=models.catalogue, most=rules.sessions)
    replies = Replies(
        log=log,
        perception=perception,
        counter=outside.counter,
        clock=outside.clock,
        ended=aftercare.note_turn,
        spent=outside.allowance.spend,
        observe=outside.observe,
    )
    turns = Turns(
        TurnParts(
            log=log,
            follower=follower,
            locks=stored.locks,
            resolver=Resolver(models),
            decisions=Decisions(
                comparison=Comparison(acquaintances=Acquaintances(remembered), lexicon=models.lexicon),
                perception=perception,
                contexts=contexts,
                edits=Edits(perception=perception, contexts=contexts, log=log, follower=follower),
                model=outside.model,
                clock=outside.clock,
            ),
            perception=perception,
            model=outside.model,
            album=Album(log.read_image),
            replies=replies,
            clock=outside.clock,
            room=room,
        )
    )
    archive = Archive(
        log=log,
        follower=follower,
        models=models,
        exports=ExportReader(
            foreign=MappedForeignEvents(), embedders=perception.embedders, dimensions=outside.encoder.dimensions
        ),
        clock=outside.clock,
        noted=aftercare.note,
        room=room,
    )
    sessions = SessionReads(
        log=log,
        follower=follower,
        seeking=seeking,
        perception=perception,
        clock=outside.clock,
        prices=price_list(),
    )
    branches = Branches(
        log=log,
        follower=follower,
        models=models,
        locks=stored.locks,
        perception=perception,
        noted=aftercare.note,
        room=room,
    )
    reasons = SessionReasons(log=log, follower=follower, contexts=contexts, perception=perception, clock=outside.clock)
    return System(
        log=log,
        models=models,
        follower=follower,
        remembered=remembered,
        indexes=indexes,
        perception=perception,
        contexts=contexts,
        turns=turns,
        aftercare=aftercare,
        sessions=sessions,
        branches=branches,
        reasons=reasons,
        archive=archive,
        clock=outside.clock,
    )


def _aftercare(
    outside: Outside, rules: Rules, stored: _Stored, remembered: Remembered, perception: Perception
) -> Aftercare:
    summariser = Summariser(
        log=stored.log,
        locks=stored.locks,
        remembered=remembered,
        model=outside.model,
        counter=outside.counter,
        after_messages=rules.summarise_after,
        deadline_seconds=rules.summary_seconds,
    )
    return Aftercare(
        AftercareParts(
            log=stored.log,
            follower=stored.follower,
            locks=stored.locks,
            perception=perception,
            remembered=remembered,
            summariser=summariser,
        )
    )
