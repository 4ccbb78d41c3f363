"""Of the event log: whether it can be read, whether all of it is what was written, and when.

log      the file, and whether this Heartline knows its form
events   each of them read, old forms upcast
chain    every session's hash chain walked, every position counted
clock    the newest event against this machine's clock
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from api.doctor.findings import Finding, counted, ok, unchecked, wrong
from api.verification import TOLD, ChainedLog, Checked, Fault, verify
from domain.errors import Unavailable

CLOCK_LEEWAY: Final = timedelta(minutes=1)

TAMPERED: Final = (
    "Somebody laid hands on the log, or the disk did. Restore a backup from before; `heartline verify` shows each "
    "session, and `heartline verify SESSION --expect HASH` compares with a head that was exported."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFacts:
    """What a log holds. `newest` is the date of the newest event, `vectors` how many there are by embedder."""

    events: int
    sessions: int
    last_position: int
    newest: datetime | None
    vectors: Mapping[str, int]
    last_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An event that cannot be read, and why."""

    position: int
    reason: str


class ExaminedLog(ChainedLog, Protocol):
    """A log as it is stored, looked at without changing it. All of it blocks, and raises Unavailable where the log is
    damaged so that it cannot go on."""

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        ...

    @property
    def remedy(self) -> str:
        """What to do when it is damaged, for people."""
        ...

    def fault(self) -> str | None:
        """What is wrong with the database itself, None where nothing is or where there is none yet. Raises nothing."""
        ...

    def facts(self) -> LogFacts | None:
        """What it holds; None where nothing was stored yet. The first to be asked. Raises Unavailable for a form that
        is not ours, too."""
        ...

    def chain_at(self, position: int) -> str | None:
        """The head of its session's chain after the event at this position (hex), None when there is no such event."""
        ...

    def unreadable(self) -> Sequence[Unreadable]:
        """The events that this Heartline cannot read, oldest first."""
        ...

    def close(self) -> None: ...


def log_found(log: ExaminedLog) -> tuple[Finding, LogFacts | None]:
    """How the log is, and what it holds where that can be said."""
    if (fault := log.fault()) is not None:
        return wrong("log", f"{log.place} is damaged, or cannot be had: {fault}", log.remedy), None
    try:
        facts = log.facts()
    except Unavailable as error:
        return wrong("log", f"{log.place}: {error.message}", "Upgrade Heartline, or name another log."), None
    if facts is None:
        return ok("log", f"Nothing is stored yet; the first start makes {log.place}."), None
    held = f"{counted(facts.events, 'event')} of {counted(facts.sessions, 'session')}"
    return ok("log", f"{held}, up to position {facts.last_position}."), facts


def events_found(log: ExaminedLog) -> Finding:
    """Whether every event can be read."""
    try:
        unreadable = log.unreadable()
    except Unavailable as error:
        return wrong("events", f"They cannot be read to the end: {error.message}", log.remedy)
    if not unreadable:
        return ok("events", "All of them can be read.")
    first = unreadable[0]
    found = f"{len(unreadable)} cannot be read, the first at position {first.position}: {first.reason}"
    return wrong("events", found, "If a newer Heartline wrote them, upgrade. Else restore a backup of the log.")


def chain_found(log: ExaminedLog) -> Finding:
    """Whether the log holds what was written."""
    try:
        found = verify(log, "", [], None)
    except Unavailable as error:
        return wrong("chain", error.message, TAMPERED)
    if broken := [(one, one.fault) for one in found.checked if one.fault is not None]:
        return wrong("chain", _broken(broken), TAMPERED)
    if found.missing_position is not None:
        told = f"An event was dropped: the log has none at position {found.missing_position}."
        return wrong("chain", told, TAMPERED)
    return ok("chain", f"{counted(len(found.checked), 'session')}, every chain holds.")


def clock_found(facts: LogFacts | None, now: datetime) -> Finding:
    """Whether the clock goes on from where the newest event was written."""
    told = f"It is {now:%Y-%m-%d %H:%M:%S} UTC."
    if facts is None or facts.newest is None or facts.newest <= now + CLOCK_LEEWAY:
        return ok("clock", told)
    return wrong(
        "clock",
        f"{told} The newest event is dated {facts.newest:%Y-%m-%d %H:%M:%S}, later than that.",
        "Set the clock of this machine (`timedatectl set-ntp true`). Events keep the dates that they have.",
    )


def unread(why: str) -> list[Finding]:
    """What is said of events and chain where there is nothing to read."""
    return [unchecked("events", why), unchecked("chain", why)]


def _broken(broken: Sequence[tuple[Checked, Fault]]) -> str:
    first, fault = broken[0]
    others = f" {counted(len(broken) - 1, 'other session')} broken too." if len(broken) > 1 else ""
    return f"{first.name or first.session.hex}: event {fault.version}: {TOLD[fault.damage]}.{others}"
