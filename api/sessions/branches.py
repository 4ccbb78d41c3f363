"""The use cases that lead a session elsewhere: back to a former version, into another session, a memory into it.

    rewind   SessionRewound, PathChanged: the path is what it was, and all that is remembered follows
    fork     SessionForked: one event, at any version, the ancestors' too; with it come the emotions that were read in
             its messages later than that, if any were
    carry    MemoryCarried, with its vector: one message of another session, or of another branch of this one

Each is one append under the session's lock, decided on what the log holds then; refused, it has changed nothing.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid4

from api.access.room import Room, boundless
from api.chat.perception import Perception
from api.commands import decided
from api.ports import EventLog, SessionLocks
from api.sessions.differences import Differences
from api.sessions.reader import Asked, Reader, check_version
from api.sessions.states import States
from domain.errors import Conflict, InvalidRequest, VersionConflict
from domain.messages import Message
from domain.records import JsonObject
from domain.session import Session, session_id
from domain.turn import Detected
from projections.follower import Follower
from projections.messages import PathMessage
from projections.read_models import ReadModels

logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 2.0
"""How long an append of the background is waited for; a turn may take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What a fork begins with: whose version it goes on from, the path then, and what was read in its messages only
    later (an import is read behind its last message)."""

    session: UUID
    path: Sequence[int]
    felt: Sequence[Detected]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """Rewinds, forks, carries and compares sessions of one owner."""

    log: EventLog
    follower: Follower
    models: ReadModels
    locks: SessionLocks
    perception: Perception
    noted: Callable[[UUID], None]
    """Told of each session that got a text without vectors: they are made when the encoder answers again."""
    room: Room = boundless

    async def rewind(self, owner: str, session: str, *, to: int) -> JsonObject:
        """The path becomes what it was as of version `to`, but for what was forgotten since.

        Raises InvalidRequest for a version that there is not, TurnAlreadyOpen while the session is answering.
        """
        asked = await self._ask(owner, session)
        check_version(asked.entry, to, "to")

        async def attempt() -> Session:
            loaded = await self._load_idle(asked.id)
            before = loaded.version - len(loaded.pending_events)
            await self.follower.caught_up_with(asked.id, before)
            loaded.rewind(to, await asyncio.to_thread(self.models.conversation.unforgotten, asked.id, to))
            await self._append(loaded, before)
            return loaded

        async with self._held(asked.id):
            rewound = await decided(attempt)
        return {"session_id": session, "version": rewound.version, "path_length": len(rewound.path)}

    async def fork(self, owner: str, session: str, *, at: int | None, name: str | None) -> JsonObject:
        """A new session that goes on from version `at` of this one, None for now; `name` is made up where None.

        Its parent is whose event that version is: an ancestor, where it is older than a fork itself. Raises
        InvalidRequest for a version that there is not, Conflict for a name that is taken, and TooManySessions.
        """
        asked = await self._ask(owner, session)
        version = asked.entry.version if at is None else at
        check_version(asked.entry, version, "at")
        await self.room(owner)
        past = await asyncio.to_thread(self._as_of, asked.id, version)
        loaded = await self.log.load(past.session)
        loaded.go_back(version, past.path)
        child = loaded.fork(name or uuid4().hex)
        child.detect(past.felt)
        taken = f"There is a session {child.external_id} already; fork under another name."
        try:
            await self.log.append(child.id, version, child.collect())
        except VersionConflict:
            raise Conflict(taken, param="as") from None
        return {"session_id": child.external_id, "parent": loaded.external_id, "at": version}

    async def carry(self, owner: str, session: str, *, source: str, version: int) -> JsonObject:
        """Message `version` of session `source` becomes a memory of this session, with what it is found by.

        Raises InvalidRequest for what is no message there, Conflict for one that this session has in view.
        """
        asked, message = await self._reader.fresh(lambda: self._carried(owner, session, source, version))
        perceived = await self.perception.perceive({version: message.text})

        async def attempt() -> Session:
            loaded = await self.log.load(asked.id)
            before = loaded.version
            loaded.carry(
                source_session=session_id(owner, source),
                source_version=version,
                message=Message(role=message.role, name=message.name, text=message.text, said_at=message.said_at),
            )
            here = [replace(one, version=loaded.version) for one in perceived]
            vectors = self.perception.vectors(asked.id, here)
            await self.log.append(asked.id, before, loaded.collect(), vectors)
            return loaded

        async with self._held(asked.id):
            richer = await decided(attempt)
        if any(one.encoding is None for one in perceived):
            self.noted(asked.id)
        origin: JsonObject = {"session_id": source, "version": version}
        return {"session_id": session, "version": richer.version, "from": origin, "text": message.text}

    async def diff(self, owner: str, session: str, other: str) -> JsonObject:
        """What each of two sessions knows that the other does not, and what they have in common."""
        states = States(models=self.models, prices={}, working_memory=0)
        differences = Differences(models=self.models, states=states)

        def read() -> JsonObject:
            with self.models.views.snapshot():
                pair = self._reader.find(owner, session, None), self._reader.find(owner, other, None)
                return differences.between(*pair)

        return await self._reader.fresh(read)

    # -- parts ---------------------------------------------------------------------------------------------------------

    @property
    def _reader(self) -> Reader:
        return Reader(follower=self.follower, models=self.models)

    async def _ask(self, owner: str, session: str) -> Asked:
        return await self._reader.ask(owner, session, None, lambda asked: asked)

    @asynccontextmanager
    async def _held(self, session: UUID) -> AsyncGenerator[None, None]:
        async with self.locks.hold(session, patience_seconds=PATIENCE_SECONDS):
            yield

    async def _load_idle(self, session: UUID) -> Session:
        """We hold the lock, so whoever opened a turn that is still open has ended without closing it."""
        loaded = await self.log.load(session)
        if loaded.open_turn is not None:
            logger.warning("turn abandoned by its process", extra={"session": session.hex})
            loaded.fail_turn(loaded.open_turn.id, code="abandoned", detail="The process that answered it ended.")
        return loaded

    async def _append(self, loaded: Session, before: int) -> None:
        events = loaded.collect()
        if events:
            await self.log.append(loaded.id, before, events)

    def _as_of(self, session: UUID, at: int) -> "_Past":
        models = self.models
        with models.views.snapshot():
            *_, last = models.lineage.stretches(session, at)
            path = models.conversation.unforgotten(session, at)
            unread = set(path) - models.emotions.read(session, at)
            felt = models.emotions.of_messages(session, unread) if unread else {}
        return _Past(
            session=UUID(last.origin),
            path=path,
            felt=[
                Detected(of=one.of, detector=one.detector, emotion=one.emotion, importance=one.importance)
                for one in felt.values()
            ],
        )

    def _carried(self, owner: str, session: str, source: str, version: int) -> tuple[Asked, PathMessage]:
        """Into which session, and the message; raises as `carry`."""
        with self.models.views.snapshot():
            asked, told = self._reader.find(owner, session, None), self._reader.find(owner, source, None)
            check_version(told.entry, version, "version")
            found = self.models.conversation.find(told.id, [version]).get(version)
            if found is None or found.forgotten or found.role == "tool" or not found.text.strip():
                raise InvalidRequest(
                    f"Version {version} of that session is no message that can be remembered; "
                    f"GET /sessions/{source}/messages lists them.",
                    param="version",
                )
            known = self.models.conversation.find(asked.id, [version]).get(version)
            here = known is not None and known.session == found.session
            if here and version in self.models.conversation.path(asked.id):
                raise Conflict("The session has this message in view already.", param="version")
        return asked, found
