"""Given events, when a command, then events: how the rules of a session are written down as tests.

    given(started(), said("Hi")).when(lambda session: session.rewind(1, [])).then(rewound(1), path_changed("rewind", …))

An event is written without its envelope, as a `Fact`; its version follows from its place, so `started()` is 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from domain.errors import HeartlineError
from domain.events import FirstEvent, SessionEvent
from domain.session import Session, session_id

T = TypeVar("T")

OWNER, EXTERNAL_ID = "anna", "diary"
ENVELOPE = ("originator_id", "originator_version", "timestamp")
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fact:
    """An event without its envelope."""

    kind: type[SessionEvent]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """A session in which something has happened."""

    session: Session

    def when(self, command: Callable[[Session], T]) -> "Outcome[T]":
        """Tell the session to do something."""
        before = history_of(self.session)
        try:
            return Outcome(self.session, before, command(self.session), None)
        except HeartlineError as error:
            return Outcome(self.session, before, None, error)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a command came to: events and what it returned, or the error it was refused with."""

    session: Session
    before: list[SessionEvent]
    returned: T | None
    error: HeartlineError | None

    def then(self, *expected: Fact) -> Session:
        """Exactly these events followed, and replaying them gives the same session. Returns it, to be looked at."""
        assert self.error is None
        events = history_of(self.session)
        assert [fact_of(event) for event in events[len(self.before) :]] == list(expected)
        assert state_of(replayed(events)) == state_of(self.session)
        return self.session

    def refused(self, error: type[HeartlineError]) -> HeartlineError:
        """It was refused with this very error."""
        assert type(self.error) is error
        return cast(HeartlineError, self.error)


def given(*facts: Fact) -> Given:
    """A session to which these things happened, in order."""
    first = facts[0].values.get("at", 0) + 1
    events: list[SessionEvent] = []
    for version, fact in enumerate(facts, start=first):
        stream = session_id(OWNER, EXTERNAL_ID)
        events.append(fact.kind(originator_id=stream, originator_version=version, timestamp=WHEN, **fact.values))
    session = replayed(events)
    session.pending_events.extend(events)
    return Given(session)


def replayed(events: list[SessionEvent]) -> Session:
    """The session that these events make."""
    assert isinstance(events[0], FirstEvent)
    session: Session | None = None
    for event in events:
        session = cast(Session, event.mutate(session))
    assert session is not None
    return session


def history_of(session: Session) -> list[SessionEvent]:
    """Everything that happened, the given events included: nothing is collected in these tests."""
    return [event for event in session.pending_events if isinstance(event, SessionEvent)]


def fact_of(event: SessionEvent) -> Fact:
    """The event without its envelope."""
    names = [field.name for field in fields(event) if field.name not in ENVELOPE]
    return Fact(type(event), {name: getattr(event, name) for name in names})


def state_of(session: Session) -> dict[str, Any]:
    """All that the session knows, but for the events it has yet to store."""
    return {name: value for name, value in vars(session).items() if name != "_pending_events"}
