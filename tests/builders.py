"""Sessions and their events for tests, made by the real aggregate: a test shows only what matters to it.

builder = SessionBuilder("chat")
hello = builder.say("Hello")
builder.reply("Good evening")
await builder.store(log)
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import cast
from uuid import UUID

from api.ports import EventLog
from domain import path as paths
from domain.emotion import Emotion
from domain.events import SessionEvent
from domain.messages import Instruction, Message
from domain.operations import Append, Edit, Rearrange
from domain.records import FinishReason, HeldRecord, Origin, PathCause, Role, TranscriptRecord, TurnKind, Usage
from domain.session import Session
from domain.summary import Extract
from domain.turn import Context, Detected, Reply
from projections.ports import StoredVector

SAID_AT = "2026-01-02T03:04:05+00:00"

USAGE: Usage = {
    "input_tokens": 100,
    "output_tokens": 20,
    "cached_tokens": 40,
    "reasoning_tokens": 5,
    "estimated": False,
}


def message(text: str = "Hello", role: Role = "user", *, origin: Origin = "client") -> Message:
    """A message of the dialogue."""
    return Message(role=role, text=text, said_at=SAID_AT, origin=origin)


def context(*, kind: TurnKind = "new", query: int | None = None, persona: int | None = None) -> Context:
    """A context that was built for the model, with nothing recalled."""
    return Context(
        kind=kind,
        process="test",
        query=query,
        manifest=[{"role": "user", "name": None, "part": "history", "segments": [{"text": "Hello"}]}],
        sha256="0" * 64,
        now=SAID_AT,
        model="offline",
        parameters={"temperature": 1.0},
        budget={"window": 4096, "tokenizer": "o200k", "parts": {"history": {"allotted": 100, "used": 10}}},
        recall={
            "policy": {"name": "test", "version": 1, "parameters": {}},
            "embedder": "none",
            "candidates": [],
            "rest": {},
            "threshold": 0.0,
            "cut": None,
        },
        persona=persona,
        summary=None,
        timings_ms={"recall": 1.0},
        transcript=record(persona=persona),
    )


def record(
    *,
    persona: int | None = None,
    ending: int | None = None,
    held: Sequence[HeldRecord] = (),
    learned: Sequence[int] = (),
    ignored: int = 0,
) -> TranscriptRecord:
    """What a prompt looked like."""
    return {
        "characters": 100,
        "count": 1,
        "whole": True,
        "first": None,
        "persona": persona,
        "ending": ending,
        "held": list(held),
        "learned": list(learned),
        "ignored": ignored,
    }


def reply(text: str = "Good evening", *, finish_reason: FinishReason = "stop", model: str = "offline") -> Reply:
    """What the model answered."""
    return Reply(
        text=text,
        model=model,
        finish_reason=finish_reason,
        usage=USAGE,
        time_to_first_token_ms=10.0,
        duration_ms=50.0,
        timings_ms={"model": 50.0},
        said_at=SAID_AT,
    )


def vector(session: UUID, version: int, *, part: str = "0", embedder: str = "test") -> StoredVector:
    """A vector of two halves."""
    return StoredVector(session=session, version=version, part=part, embedder=embedder, vector=b"\x00\x3c\x00\x00")


class SessionBuilder:
    """One session: intents in, `events` out (those of the session's own stream)."""

    _turns = count(1)

    def __init__(
        self,
        external_id: str = "chat",
        *,
        owner: str = "local",
        user: str | None = None,
        session: Session | None = None,
    ) -> None:
        self.session = session or Session.start(owner=owner, external_id=external_id, identified_by="header", user=user)
        self.events: list[SessionEvent] = []
        self._stored = 0
        self._collect()

    @property
    def id(self) -> UUID:
        return self.session.id

    @property
    def version(self) -> int:
        return self.session.version

    @property
    def path(self) -> list[int]:
        return list(self.session.path)

    # -- intents -------------------------------------------------------------------------------------------------------

    def say(self, text: str = "Hello", role: Role = "user", *, origin: Origin = "client") -> int:
        """A message joins the path's end; returns its version. A backfilled one only gets a row."""
        self.session.receive(turn=None, operations=[Append(message(text, role, origin=origin))])
        return self._collect()

    def instruct(self, *texts: str) -> int | None:
        """The client's persona consists of these texts; returns the persona's version."""
        instructions = [Instruction(role="system", text=text) for text in texts]
        received = self.session.receive(turn=None, instructions=instructions, leading=len(texts))
        self._collect()
        return received.persona

    def open_turn(
        self, *, kind: TurnKind = "new", persona: int | None = None, transcript: TranscriptRecord | None = None
    ) -> str:
        """A turn opens and stays open; returns its id."""
        turn = f"turn-{next(self._turns)}"
        query = self.path[-1] if self.path else None
        built = context(kind=kind, query=query, persona=persona)
        self.session.begin_turn(turn, emotions=[], context=replace(built, transcript=transcript or built.transcript))
        self._collect()
        return turn

    def complete(self, *texts: str, finish_reason: FinishReason = "stop", model: str = "offline") -> int:
        """The open turn gets its reply, or several; returns the version of the one that joins the path."""
        assert self.session.open_turn is not None
        replies = [reply(text, finish_reason=finish_reason, model=model) for text in texts]
        versions = self.session.complete_turn(self.session.open_turn.id, replies)
        self._collect()
        return versions[0]

    def reply(self, *texts: str, persona: int | None = None, model: str = "offline") -> int:
        """A whole turn; returns the reply's version."""
        self.open_turn(persona=persona)
        return self.complete(*(texts or ("Good evening",)), model=model)

    def extend(self, text: str) -> int:
        """The path's last message is continued by the model; returns the new version."""
        self.open_turn(kind="continue")
        return self.complete(text)

    def fail(self, code: str = "upstream_error") -> None:
        """The open turn ends without a reply."""
        assert self.session.open_turn is not None
        self.session.fail_turn(self.session.open_turn.id, code=code, detail="It did not answer.")
        self._collect()

    def edit(self, replaces: int, text: str) -> int:
        """A message gets a new text; returns the version of the edit."""
        received = self.session.receive(turn=None, operations=[Edit(replaces, text)])
        self._collect()
        return received.messages[0]

    def arrange(self, cause: PathCause, path: Sequence[int]) -> None:
        """The path becomes this one, of messages that are known."""
        splices = paths.difference(self.session.path, path)
        self.session.receive(turn=None, operations=[Rearrange(cause, splices)])
        self._collect()

    def remove(self, version: int) -> None:
        """A message leaves the path."""
        self.arrange("remove", [other for other in self.path if other != version])

    def swipe(self, text: str = "Another answer") -> int:
        """The path's last message leaves it and another reply takes its place."""
        self.arrange("swipe", self.path[:-1])
        return self.reply(text)

    def rewind(self, at: int) -> None:
        """The path becomes what it was as of version `at` of this session's own stream."""
        self.session.rewind(at, self.as_of(at).path)
        self._collect()

    def summarise(self, covered: int, text: str = "They met.") -> int:
        """A summary of the path's first messages; returns its version."""
        digest = paths.digest(self.session.path[:covered])
        summary = Extract(text=text, cites=[])
        self.session.summarise(summary, count=covered, digest=digest, previous=None, model="extractive")
        return self._collect()

    def carry(self, text: str = "She likes tea", *, source: UUID, version: int) -> int:
        """A memory comes over from another session; returns its version here."""
        self.session.carry(source_session=source, source_version=version, message=message(text))
        return self._collect()

    def feel(self, of: int, dominant: str = "joy", confidence: float = 0.9) -> int:
        """An emotion is read in a message; returns the reading's version."""
        emotion = Emotion(labels={dominant: confidence}, dominant=dominant, confidence=confidence)
        self.session.detect([Detected(of=of, detector="keywords-1", emotion=emotion, importance=0.7)])
        return self._collect()

    def forget(self, of: int, *, versions: Sequence[int] = ()) -> None:
        """A message and what quotes it may no longer be known."""
        self.session.forget(of, versions=[of, *versions], keyed_digests=[], counts={"messages": 1})
        self._collect()

    def erase(self) -> None:
        """The session's end."""
        self.session.erase({"events": self.version})
        self._collect()

    def fork(self, external_id: str, at: int | None = None) -> "SessionBuilder":
        """Another session that continues this one as of a version of its own stream."""
        child = self.as_of(self.version if at is None else at).fork(external_id)
        return SessionBuilder(session=child)

    # -- what became of it ---------------------------------------------------------------------------------------------

    def as_of(self, version: int) -> Session:
        """The aggregate as it was."""
        session: Session | None = None
        for event in self.events:
            if event.originator_version <= version:
                session = event.mutate(session)
        return cast("Session", session)

    async def store(self, log: EventLog, *, vectors: Sequence[StoredVector] = ()) -> int:
        """Append what is new; returns the log's last position."""
        new = self.events[self._stored :]
        self._stored = len(self.events)
        if new:
            await log.append(self.id, new[0].originator_version - 1, new, vectors)
        return log.last_position()

    def _collect(self) -> int:
        self.events += self.session.collect()
        return self.session.version
