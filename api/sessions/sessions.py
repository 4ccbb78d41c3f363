"""The use cases over a session that are not turns: what is read of it, as of any version. Answers are ready to be JSON.

    SessionReads      lists, state, read models, and by way of `audit.py` and `recollection.py` audits and recall

Every read sees what was appended before it. Nothing here stores anything or calls a language model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from api.chat.perception import Perception
from api.chat.seeking import Seeking
from api.ports import EventLog
from api.services import Page, RecallQuestion
from api.sessions.audit import Audit
from api.sessions.axis import Axis, event_json
from api.sessions.reader import Asked, Reader
from api.sessions.recollection import Recollection
from api.sessions.states import States, summary_json
from domain.errors import InvalidRequest
from domain.records import Json, JsonObject
from domain.session import session_id
from projections.follower import Follower
from projections.read_models import ReadModels
from projections.usage import Price

WORKING_MEMORY: Final = 20
"""Messages of the path's end that a session's state shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReads:
    """Reads sessions. `prices` are by model; what a model costs that is not among them is unknown."""

    log: EventLog
    follower: Follower
    seeking: Seeking
    perception: Perception
    clock: Callable[[], datetime]
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    working_memory: int = WORKING_MEMORY

    # -- the session ---------------------------------------------------------------------------------------------------

    async def list(self, owner: str, *, limit: int, after: str | None = None, search: str | None = None) -> JsonObject:
        """The owner's sessions, the one with the latest event first; those behind session `after` in that order. With
        `search`, those that have it in their id or title."""

        def read() -> JsonObject:
            last = self._reader.entry_of(owner, after) if after is not None else None
            if after is not None and last is None:
                raise InvalidRequest("There is no such session to go on from.", param="after")
            with self._models.views.snapshot():
                behind = Asked(entry=last, at=None).id if last is not None else None
                entries = self._models.catalogue.list(owner, limit=limit + 1, after=behind, search=search)
                rows = [self._states.row(Asked(entry=entry, at=None)) for entry in entries[:limit]]
            return listed(rows, has_more=len(entries) > limit)

        return await self._reader.fresh(read)

    async def state(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        """The session as of a version: persona, working memory, summary, emotion, usage and cost, lineage."""
        return await self._reader.ask(owner, session, at, self._states.state)

    async def usage(self, owner: str, *, days: int) -> JsonObject:
        """Tokens and cost of the owner's replies on each of the last `days` days (UTC, today among them) that had any,
        oldest first."""
        since = (self.clock().astimezone(UTC).date() - timedelta(days=days - 1)).isoformat()

        def read() -> JsonObject:
            with self._models.views.snapshot():
                return listed(self._states.days(self._models.catalogue.list(owner, limit=-1), since))

        return await self._reader.fresh(read)

    # -- what is in it -------------------------------------------------------------------------------------------------

    async def events(self, owner: str, session: str, *, after: int, limit: int) -> JsonObject:
        """Events with versions above `after`, a fork's ancestors' among them."""

        def read(asked: Asked) -> JsonObject:
            axis = Axis(self.log, self._models.lineage)
            found = axis.events(asked.id, after=after, limit=limit + 1, at=asked.version)
            rows = [{**event_json(logged.event), "position": logged.position} for logged in found[:limit]]
            return listed(rows, has_more=len(found) > limit)

        return await self._reader.ask(owner, session, None, read)

    async def news(self, owner: str, session: str, *, after: int, seconds: float) -> None:
        """Return when there may be events above version `after`, of whichever process, at the latest after so long."""
        await self.follower.latest.beyond(session_id(owner, session), after, seconds=seconds)

    async def messages(self, owner: str, session: str, *, at: int | None, page: Page) -> JsonObject:
        """The messages in view from the root on, or behind message `page.after`, which must be in view itself. `offset`
        says how many stand before the page."""

        def read(asked: Asked) -> JsonObject:
            conversation = self._models.conversation
            before = self._before(asked, page.after) if page.after else 0
            found = conversation.messages(
                asked.id, asked.at, after=page.after or None, offset=page.offset, limit=page.limit + 1
            )
            rows = self._states.messages(asked, found[: page.limit])
            return {**listed(rows, has_more=len(found) > page.limit), "offset": before + page.offset}

        return await self._reader.ask(owner, session, at, read)

    def _before(self, asked: Asked, after: int) -> int:
        """How many messages in view come up to this one, itself among them."""
        path = self._models.conversation.path(asked.id, asked.at)
        if after not in path:
            raise InvalidRequest(f"Message {after} is not in view.", param="after")
        return path.index(after) + 1

    async def siblings(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        """The messages that are not in view: swipes, former texts, branches that were left. Each stood behind the
        message `after` and was last seen before version `left`."""
        return await self._reader.ask(owner, session, at, lambda asked: listed(self._states.siblings(asked)))

    async def emotions(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        """What was read in the messages in view, in their order; `version` is the reading's, `of` the message's."""
        return await self._reader.ask(owner, session, at, lambda asked: listed(self._states.emotions(asked)))

    async def summaries(self, owner: str, session: str, *, at: int | None) -> JsonObject:
        """Every summary written so far, oldest first; `in_view` are those that hold for the path."""

        def read(asked: Asked) -> JsonObject:
            path = self._models.conversation.path(asked.id, asked.at)
            holding = {one.version for one in self._models.summaries.holding(asked.id, path, asked.at)}
            written = self._models.summaries.all(asked.id, asked.at)
            return listed([summary_json(one, in_view=one.version in holding) for one in written])

        return await self._reader.ask(owner, session, at, read)

    # -- why -----------------------------------------------------------------------------------------------------------

    async def turn(self, owner: str, session: str, turn: str, *, at: int | None) -> JsonObject:
        """The audit of a turn, which may be named by its completion's id. Raises NotFound if it began after `at`."""
        return await self._reader.ask(owner, session, at, lambda asked: self._audit.turn(asked, turn))

    async def replay(self, owner: str, session: str, turn: str) -> JsonObject:
        """The turn's context rendered again from events alone, compared with what was recorded."""
        return await self._reader.ask(owner, session, None, lambda asked: self._audit.replay(asked, turn))

    async def recall(self, owner: str, session: str, question: RecallQuestion) -> JsonObject:
        """What would be recalled for a question, of all that is in view; stores nothing."""
        return await self._recollection.recall(owner, session, question)

    # -- parts ---------------------------------------------------------------------------------------------------------

    @property
    def _models(self) -> ReadModels:
        return self.seeking.remembered.models

    @property
    def _reader(self) -> Reader:
        return Reader(follower=self.follower, models=self._models)

    @property
    def _states(self) -> States:
        return States(models=self._models, prices=self.prices, working_memory=self.working_memory)

    @property
    def _audit(self) -> Audit:
        return Audit(log=self.log, remembered=self.seeking.remembered)

    @property
    def _recollection(self) -> Recollection:
        return Recollection(
            reader=self._reader,
            seeking=self.seeking,
            perception=self.perception,
            clock=self.clock,
        )


def listed(rows: "list[dict[str, Json]]", *, has_more: bool = False) -> JsonObject:
    """A list as OpenAI writes lists."""
    return {"object": "list", "data": rows, "has_more": has_more}
