"""Summaries of a path's beginning. One is in view exactly while the path begins with the messages it covers."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.events import MessageForgotten, SessionErased, SummaryWritten
from domain.path import Range, from_ranges
from projections.lineage import forget, forgotten_in, in_reach, named_in_reach, naming, scope, sweep
from projections.path_digests import PathDigests
from projections.ports import LoggedEvent
from projections.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A summary: it covers the path's first `count` messages, `covers` as ranges, `cites` some of them."""

    version: int
    session: str
    count: int
    covers: list[Range]
    digest: str
    previous: int | None
    text: str
    model: str
    cites: list[int]
    created: str


class Summaries:
    """Summaries as of any version, and which of them a path shows."""

    name = "summaries"
    schema = (
        """CREATE TABLE summaries (
            session TEXT NOT NULL, version INTEGER NOT NULL, count INTEGER NOT NULL, covers BLOB NOT NULL,
            digest TEXT NOT NULL, previous INTEGER, text TEXT NOT NULL, model TEXT NOT NULL, cites BLOB NOT NULL,
            created TEXT NOT NULL, PRIMARY KEY (session, version)
        )""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views
        self._digests = PathDigests()

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session = event.originator_id.hex
        match event:
            case SummaryWritten():
                _insert(db, event)
            case MessageForgotten():
                forget(db, "summaries", session, forgotten_in(event))
            case SessionErased():
                sweep(db, "summaries", session)
            case _:
                pass

    def all(self, session: UUID, at: int | None = None, *, after: int = 0) -> list[Summary]:
        """Every summary written above version `after`, oldest first, in view or not."""
        rows = self._views.read().execute(
            f"SELECT {_COLUMNS} {in_reach('summaries')} WHERE t.version > :after ORDER BY t.version",
            scope(session, at, after=after),
        )
        return [_from_row(row) for row in rows]

    def in_view(self, session: UUID, path: Sequence[int], at: int | None = None) -> Summary | None:
        """The newest summary whose messages are this path's beginning."""
        holding = self.holding_versions(session, path, at)
        return self.find(session, [max(holding)])[0] if holding else None

    def holding(self, session: UUID, path: Sequence[int], at: int | None = None) -> list[Summary]:
        """Every summary whose messages are this path's beginning, oldest first."""
        return self.find(session, self.holding_versions(session, path, at))

    def holding_versions(self, session: UUID, path: Sequence[int], at: int | None = None) -> list[int]:
        """As `holding`, the versions alone."""
        found = (
            self._views.read()
            .execute(f"SELECT t.version, t.count, t.digest {in_reach('summaries')}", scope(session, at))
            .fetchall()
        )
        kept = self._digests if at is None else PathDigests()
        digests = kept.of(session, path, {count for _, count, _ in found})
        return [version for version, count, digest in found if digests.get(count) == digest]

    def find(self, session: UUID, versions: Iterable[int], at: int | None = None) -> list[Summary]:
        """Summaries by version, oldest first."""
        rows = self._views.read().execute(
            f"SELECT {_COLUMNS} {named_in_reach('summaries')} ORDER BY t.version",
            scope(session, at, versions=naming(versions)),
        )
        return [_from_row(row) for row in rows]

    def texts(self, session: UUID, versions: Iterable[int], at: int | None = None) -> dict[int, str]:
        """Texts of summaries by version."""
        return {summary.version: summary.text for summary in self.find(session, versions, at)}


_COLUMNS = "t.version, t.session, t.count, t.covers, t.digest, t.previous, t.text, t.model, t.cites, t.created"


def _from_row(row: tuple[Any, ...]) -> Summary:
    version, session, count, covers, digest, previous, text, model, cites, created = row
    return Summary(
        version=version,
        session=session,
        count=count,
        covers=orjson.loads(covers),
        digest=digest,
        previous=previous,
        text=text,
        model=model,
        cites=orjson.loads(cites),
        created=created,
    )


def _insert(db: sqlite3.Connection, event: SummaryWritten) -> None:
    db.execute(
        "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.originator_id.hex,
            event.originator_version,
            len(from_ranges(event.covers)),
            orjson.dumps(event.covers),
            event.digest,
            event.previous,
            event.text,
            event.model,
            orjson.dumps(event.cites),
            event.timestamp.isoformat(),
        ),
    )
