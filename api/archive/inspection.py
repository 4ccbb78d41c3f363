"""Whether events that somebody brought along can have happened: what refers to another event must find it.

The aggregate never refuses what is stored, and a view that cannot apply an event stops for everybody; so whatever
either of them relies on is checked here, before anything is appended.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate
from typing import cast
from uuid import UUID

from api.times import EARLIEST, LATEST, is_ordinary
from domain import path as paths
from domain.errors import InvalidRequest
from domain.events import (
    ContextBuilt,
    EmotionDetected,
    MemoryCarried,
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    PathChanged,
    PersonaDefined,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SessionEvent,
    SessionRewound,
    SessionStarted,
    SummaryWritten,
    TurnFailed,
)
from domain.session import Session


class Inspection:
    """A session growing by events that are looked at one by one."""

    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self._session: Session | None = None

    @property
    def version(self) -> int:
        return len(self.events)

    @property
    def session(self) -> Session:
        """The session so far. Raises InvalidRequest before it began."""
        if self._session is None:
            raise InvalidRequest("an export begins with the event that started its session.")
        return self._session

    def take(self, event: SessionEvent) -> None:
        """Let the session grow by the event. Raises InvalidRequest when it cannot have happened there."""
        if isinstance(event, SessionStarted) != (self._session is None):
            raise InvalidRequest("an export begins with the event that started its session, and has one of them.")
        if isinstance(event, SessionErased):
            raise InvalidRequest("the session was erased.")
        if self._session is not None:
            self._check(self._session, event)
        self._session = cast("Session", event.mutate(self._session))
        self.events.append(event)

    def grown(self, session: UUID, created: datetime) -> SessionEvent:
        """What stands for a fork where parent and fork have become one session: nothing changes but that the turn open
        in the parent, if there was one, is not the fork's to answer."""
        opened, version = self.session.open_turn, self.version + 1
        if opened is None:
            return PathChanged(
                originator_id=session, originator_version=version, timestamp=created, cause="branch", splices=[]
            )
        return TurnFailed(
            originator_id=session,
            originator_version=version,
            timestamp=created,
            turn=opened.id,
            code="abandoned",
            detail="The session was forked meanwhile.",
        )

    def _check(self, session: Session, event: SessionEvent) -> None:
        match event:
            case MessageEdited(replaces=replaces) | ReplyExtended(replaces=replaces):
                _known(session, [replaces])
            case EmotionDetected(of=of) | MessageForgotten(of=of):
                _known(session, [of])
            case ContextBuilt(query=query, now=now):
                _known(session, [] if query is None else [query])
                _date(now)
            case MessageReceived(said_at=said_at) | ReplyCompleted(said_at=said_at) | MemoryCarried(said_at=said_at):
                _date(said_at)
            case PathChanged(splices=splices):
                _check_splices(session, splices)
            case PersonaDefined(instructions=instructions):
                if not set(instructions) <= set(session.instructions.values()):
                    raise InvalidRequest("a persona names what is no instruction.")
            case SummaryWritten(covers=covers):
                _known(session, _versions(session, covers))
            case SessionRewound(to=to) if not 1 <= to <= session.version:
                raise InvalidRequest("a rewind goes back to a version that there is not.")
            case _:
                pass


def _check_splices(session: Session, splices: Sequence[paths.Splice]) -> None:
    for hunk in splices:
        _known(session, [*_versions(session, hunk["out"]), *_versions(session, hunk["in"])])
    if any(hunk["at"] < 0 for hunk in splices):
        raise InvalidRequest("a splice begins before the path.")
    fault = paths.fault_in(session.path, splices)
    if fault is not None:
        raise InvalidRequest(f"{fault}.")


def _versions(session: Session, ranges: Sequence[paths.Range]) -> list[int]:
    """The versions in ranges; they are counted before they are made, for a range is short however much it names."""
    if any(len(pair) != 2 or not 1 <= pair[0] <= pair[1] for pair in ranges):
        raise InvalidRequest("a range is a first and a last version.")
    if any(total > len(session.messages) for total in accumulate(last - first + 1 for first, last in ranges)):
        raise InvalidRequest("ranges name more than there are messages.")
    return paths.from_ranges(ranges)


def _known(session: Session, versions: Iterable[int]) -> None:
    for version in versions:
        place = bisect_left(session.messages, version)
        if place == len(session.messages) or session.messages[place] != version:
            raise InvalidRequest(f"version {version} is no message.")


def _date(text: str) -> None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None or not is_ordinary(when):
        raise InvalidRequest(f"a date must be ISO 8601 with its offset, of the years {EARLIEST} to {LATEST}.")
