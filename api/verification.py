"""Whether the log still holds what was written: every session's hash chain, walked from its first event.

    Checked     one session: its head, and the first event that is not what was written
    verify      the sessions asked about with all their ancestors, or the whole log with its positions

Reads the stored rows only: no view is asked, for a view may have been changed as well. Whoever can change the log can
also make a new chain for what they changed, or cut its end off; that shows against a head that was exported before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from uuid import UUID

from domain.errors import InvalidRequest, NotFound
from domain.session import session_id

Damage = Literal["changed", "missing", "misplaced"]

TOLD: Final[dict[Damage, str]] = {
    "changed": "its contents were changed",
    "missing": "it is missing",
    "misplaced": "it is not what was written there: its date or kind was changed, or it was moved or inserted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first event of a session that is not what was written."""

    version: int
    damage: Damage


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A session's own events, walked. `owner` and `name` are None where the first event cannot be read.

    A fork goes on from version `at` of its `parent`. `links` are the heads that the chain has had (hex), with their
    versions, as far as it holds; `version` is the last one stored.
    """

    session: UUID
    owner: str | None
    name: str | None
    parent: UUID | None
    at: int
    version: int
    links: dict[str, int]
    fault: Fault | None

    @property
    def head(self) -> str:
        """The chain's head after the last event that holds; empty where none does."""
        return next(reversed(self.links), "")


class ChainedLog(Protocol):
    """The log as it is stored. All of it blocks."""

    def check(self, session: UUID) -> Checked:
        """Walk a session's own chain. Raises NotFound."""
        ...

    def sessions(self) -> list[UUID]:
        """Every session, oldest first."""
        ...

    def missing_position(self) -> int | None:
        """The first position that was given and holds no event, None when there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found. `missing_position` is looked for in the whole log only; `expected` is the version at which the
    session had the head asked about, None when it never had it or none was asked about."""

    checked: Sequence[Checked]
    missing_position: int | None = None
    expected: int | None = None
    asked: bool = field(default=False)

    @property
    def intact(self) -> bool:
        found = self.expected is not None or not self.asked
        return found and self.missing_position is None and all(one.fault is None for one in self.checked)


def verify(log: ChainedLog, owner: str, names: Sequence[str], expect: str | None) -> Verified:
    """Check the owner's sessions of these names with all that they go on from; without names every session of the log.

    `expect` is a head that the one session named must have, or have had. Raises NotFound for a session that is not
    there, InvalidRequest for a head expected of none or several.
    """
    if expect is not None and len(names) != 1:
        raise InvalidRequest("A head is expected of one session: name it.", param="expect")
    if not names:
        return Verified(
            checked=[log.check(session) for session in log.sessions()], missing_position=log.missing_position()
        )
    checked: dict[UUID, Checked] = {}
    lines = [_line(log, session_id(owner, name), checked) for name in names]
    if expect is None:
        return Verified(checked=list(checked.values()))
    return Verified(checked=list(checked.values()), expected=_version_of(expect.strip().lower(), lines[0]), asked=True)


def _line(log: ChainedLog, session: UUID, checked: dict[UUID, Checked]) -> list[Checked]:
    """The session and what it goes on from, each as far as it is the session's own past; notes them in `checked`."""
    line: list[Checked] = []
    upto: int | None = None
    while session not in (one.session for one in line):
        try:
            found = checked[session] if session in checked else log.check(session)
        except NotFound:
            if not line:
                raise
            return line  # a parent that is gone: its fork's first link shows it
        checked[session] = found
        line.append(_upto(found, upto))
        if found.parent is None:
            return line
        session, upto = found.parent, found.at
    return line


def _upto(checked: Checked, upto: int | None) -> Checked:
    if upto is None:
        return checked
    links = {link: version for link, version in checked.links.items() if version <= upto}
    return Checked(
        session=checked.session,
        owner=checked.owner,
        name=checked.name,
        parent=checked.parent,
        at=checked.at,
        version=upto,
        links=links,
        fault=checked.fault,
    )


def _version_of(link: str, line: Sequence[Checked]) -> int | None:
    return next((one.links[link] for one in line if link in one.links), None)
