"""The use cases that ask why: why-not, what-if, bisect and compare. They store nothing and call no language model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from api.chat.contexts import Contexts
from api.chat.perception import Perception
from api.ports import Encoder, EventLog
from api.reasons.bisect import Bisection
from api.reasons.comparison import Comparison, Progress, Side
from api.reasons.past import Past
from api.reasons.what_if import Alternatives
from api.reasons.why_not import WhyNot
from api.services import Expectation, KnownAnswer, WhatIf
from api.sessions.reader import Reader
from api.sessions.recollection import Recollection
from domain.errors import NotFound
from domain.records import JsonObject
from projections.follower import Follower
from projections.indexes import Indexes
from projections.policies import Policy, policy_named


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReasons:
    """Asks of sessions by the builder and the recall that turns use."""

    log: EventLog
    follower: Follower
    contexts: Contexts
    perception: Perception
    clock: Callable[[], datetime]

    async def why_not(self, owner: str, session: str, turn: str, version: int) -> JsonObject:
        asked, past = await self._past.find(owner, session, turn)
        return await self._reader.fresh(lambda: WhyNot(past=self._past).answer(asked, past, version))

    async def what_if(self, owner: str, session: str, turn: str, asked: WhatIf) -> JsonObject:
        _, past = await self._past.find(owner, session, turn)
        answer = await self._reader.fresh(lambda: Alternatives(past=self._past).answer(past, asked))
        return {"session_id": session, **answer}

    async def latest(self, owner: str, session: str) -> str:
        turn = await self._reader.ask(owner, session, None, lambda asked: self._reader.models.audits.latest(asked.id))
        if turn is None:
            raise NotFound("The session has no turn yet.", param="turn")
        return turn

    async def bisect(self, owner: str, session: str, expected: Expectation) -> JsonObject:
        search = Bisection(log=self.log, reader=self._reader, recollection=self._recollection)
        return await search.answer(owner, session, expected)

    async def compare(
        self,
        owner: str,
        session: str,
        policies: tuple[str, str],
        questions: Sequence[KnownAnswer] = (),
        progress: Progress = lambda done, total: None,
    ) -> JsonObject:
        """Two policies over all the session's turns, and over questions. Raises InvalidRequest for an unknown one."""
        first, second = map(policy_named, policies)
        comparison = Comparison(reader=self._reader, sides=(self._side(first), self._side(second)))
        return await comparison.answer(owner, session, questions, progress)

    async def compare_embedders(
        self,
        owner: str,
        session: str,
        other: Encoder,
        questions: Sequence[KnownAnswer] = (),
        progress: Progress = lambda done, total: None,
    ) -> JsonObject:
        """The vectors of the present embedder and of another one over all the session's turns, and over questions, both
        by the present policy."""
        theirs, policy = self._by(other), self.contexts.seeking.policy
        comparison = Comparison(reader=self._reader, sides=(self._side(policy), theirs._side(policy)))
        return await comparison.answer(owner, session, questions, progress)

    def _by(self, encoder: Encoder) -> "SessionReasons":
        """The same views asked by the vectors of another embedder."""
        perception, seeking = self.perception.by(encoder), self.contexts.seeking
        indexes = Indexes(seeking.remembered, embedders=perception.embedders, dimensions=encoder.dimensions)
        contexts = replace(self.contexts, seeking=replace(seeking, indexes=indexes))
        return replace(self, contexts=contexts, perception=perception)

    def _side(self, policy: Policy) -> Side:
        return Side(past=self._past, recollection=self._recollection, policy=policy)

    @property
    def _reader(self) -> Reader:
        return Reader(follower=self.follower, models=self.contexts.remembered.models)

    @property
    def _past(self) -> Past:
        return Past(log=self.log, reader=self._reader, contexts=self.contexts, embedders=self.perception.embedders)

    @property
    def _recollection(self) -> Recollection:
        return Recollection(
            reader=self._reader, seeking=self.contexts.seeking, perception=self.perception, clock=self.clock
        )
