"""The path as rows: message `message` of session `origin` stands at `ordinal` from one version until another.

Ordinals are sparse integers. Appending takes the last one plus a wide step, inserting takes places evenly spread
between two neighbours, so a splice closes and opens only the rows it names. Where no room is left between neighbours
the whole path is given new ordinals, by closing and reopening its rows: the past keeps the old ones.
"""

import sqlite3
from collections.abc import Sequence

from domain.events import SessionForked
from domain.path import Splice, from_ranges
from projections.lineage import naming, origins, sweep
from projections.views import OPEN

STEP = 2**20

# In the order in which it is read: the path of now is one stretch of the key, oldest first.
SCHEMA = (
    """CREATE TABLE spans (
        session TEXT NOT NULL, until_version INTEGER NOT NULL, ordinal INTEGER NOT NULL, message INTEGER NOT NULL,
        origin TEXT NOT NULL, from_version INTEGER NOT NULL, PRIMARY KEY (session, until_version, ordinal)
    ) WITHOUT ROWID""",
    # By session first: the rows of a fork are written side by side, however many forks there are of one session.
    "CREATE INDEX spans_message ON spans (session, message)",
)


def in_view(at: int | None) -> str:
    """A condition on spans `s` for what `:session` shows as of `:at`; simpler, and in order of the key, for now.

    Before a fork's own first version its path is the ancestor's whose stretch holds `:at`.
    """
    if at is None:
        return f"s.session = :session AND s.until_version = {OPEN}"
    return _as_of("reach")


def _as_of(ancestors: str) -> str:
    """`ancestors` is `reach`, or `lineage` where those that were erased count too."""
    return f"""s.session = (SELECT origin FROM {ancestors} WHERE session = :session AND after_version < :at
        ORDER BY after_version DESC LIMIT 1) AND s.until_version > :at AND s.from_version <= :at"""


def append(db: sqlite3.Connection, session: str, version: int) -> None:
    """Message `version` joins the path's end."""
    (last,) = db.execute(
        "SELECT max(ordinal) FROM spans WHERE session = ? AND until_version = ?", (session, OPEN)
    ).fetchone()
    _open(db, session, version, [((last or 0) + STEP, version, session)])


def copy(db: sqlite3.Connection, event: SessionForked) -> None:
    """A fork begins with its parent's path as it was, so far as the event names it: not with what was forgotten."""
    db.execute(
        f"""INSERT OR REPLACE INTO spans (session, until_version, ordinal, message, origin, from_version)
        SELECT :fork, {OPEN}, s.ordinal, s.message, s.origin, :at + 1 FROM spans s
        WHERE {_as_of("lineage")} AND s.message IN (SELECT value FROM json_each(:path))""",
        {
            "fork": event.originator_id.hex,
            "session": event.parent,
            "at": event.at,
            "path": naming(from_ranges(event.path)),
        },
    )


def splice(db: sqlite3.Connection, session: str, version: int, hunks: Sequence[Splice]) -> None:
    """The path changes with event `version`. Hunks count in the path before it, hence from the last to the first."""
    firsts = [hunk["out"][0][0] for hunk in hunks if hunk["out"]]
    named = [message for hunk in hunks for message in from_ranges(hunk["in"])]
    owners = origins(db, session, named + firsts)
    for hunk in reversed(hunks):
        count, into = len(from_ranges(hunk["out"])), [(message, owners[message]) for message in from_ranges(hunk["in"])]
        if count:
            first = hunk["out"][0][0]
            window = _around(db, session, (first, owners[first]), count)
        else:
            window = _at(db, session, hunk["at"])
        _replace(db, session, version, (window, into))


def erase(db: sqlite3.Connection, session: str, version: int) -> None:
    """The session has no path any more. What living forks had in common with it they still see in their past."""
    sweep(db, "spans", session, column="from_version")
    db.execute("UPDATE spans SET until_version = ? WHERE session = ? AND until_version = ?", (version, session, OPEN))


_Window = tuple[int | None, list[int], int | None]
"""Ordinals: of the message before the place, of those that leave it, of the one behind."""


def _replace(db: sqlite3.Connection, session: str, version: int, change: tuple[_Window, list[tuple[int, str]]]) -> None:
    (before, leaving, behind), into = change
    _close(db, session, version, leaving)
    places = _places(before, behind, len(into))
    if places is None:
        moved = _renumber(db, session, version)
        before, behind = (None if place is None else moved[place] for place in (before, behind))
        places = _places(before, behind, len(into)) or []
    _open(db, session, version, [(place, *message) for place, message in zip(places, into, strict=True)])


_NOW = f"FROM spans WHERE session = :session AND until_version = {OPEN}"


def _around(db: sqlite3.Connection, session: str, first: tuple[int, str], count: int) -> _Window:
    """Where `count` messages stand in the present path, of which `first` (and whose it is) is the first. It is found by
    its own key: counting to its index would cost more with every message before it."""
    message, origin = first
    known = {"session": session, "message": message, "origin": origin, "count": count + 1}
    (place,) = db.execute(
        f"""SELECT ordinal FROM spans INDEXED BY spans_message WHERE session = :session AND message = :message
        AND origin = :origin AND until_version = {OPEN}""",
        known,
    ).fetchone()
    rows = db.execute(
        f"SELECT ordinal {_NOW} AND ordinal >= :place ORDER BY ordinal LIMIT :count", known | {"place": place}
    )
    ordinals = [ordinal for (ordinal,) in rows]
    (before,) = db.execute(f"SELECT max(ordinal) {_NOW} AND ordinal < :place", known | {"place": place}).fetchone()
    return before, ordinals[:count], ordinals[count] if len(ordinals) > count else None


def _at(db: sqlite3.Connection, session: str, at: int) -> _Window:
    """Index `at` of the present path, where nothing leaves."""
    skipped = max(at - 1, 0)
    rows = db.execute(
        f"SELECT ordinal {_NOW} ORDER BY ordinal LIMIT :count OFFSET :skipped",
        {"session": session, "count": 1 + at - skipped, "skipped": skipped},
    )
    ordinals = [ordinal for (ordinal,) in rows]
    before = ordinals.pop(0) if at else None
    return before, [], ordinals[0] if ordinals else None


def _places(before: int | None, behind: int | None, count: int) -> list[int] | None:
    """`count` ordinals between two neighbours, either of which may be missing; None when there is no room."""
    if behind is None:
        return [(before or 0) + STEP * (n + 1) for n in range(count)]
    if before is None:
        before = behind - STEP * (count + 1)
    if behind - before <= count:
        return None
    return [before + (behind - before) * (n + 1) // (count + 1) for n in range(count)]


def _renumber(db: sqlite3.Connection, session: str, version: int) -> dict[int, int]:
    """New ordinals for the whole path: the new by the old."""
    rows = db.execute(f"SELECT ordinal, message, origin {_NOW} ORDER BY ordinal", {"session": session}).fetchall()
    _close(db, session, version, [ordinal for ordinal, _, _ in rows])
    _open(db, session, version, [((n + 1) * STEP, message, origin) for n, (_, message, origin) in enumerate(rows)])
    return {ordinal: (n + 1) * STEP for n, (ordinal, _, _) in enumerate(rows)}


def _open(db: sqlite3.Connection, session: str, version: int, rows: Sequence[tuple[int, int, str]]) -> None:
    db.executemany(
        """INSERT OR REPLACE INTO spans (session, until_version, ordinal, message, origin, from_version)
        VALUES (?, ?, ?, ?, ?, ?)""",
        [(session, OPEN, ordinal, message, origin, version) for ordinal, message, origin in rows],
    )


def _close(db: sqlite3.Connection, session: str, version: int, ordinals: Sequence[int]) -> None:
    key = "session = ? AND until_version = ? AND ordinal = ?"
    # What this very event opened was never in view.
    db.executemany(
        f"DELETE FROM spans WHERE {key} AND from_version = ?",
        [(session, OPEN, ordinal, version) for ordinal in ordinals],
    )
    db.executemany(
        f"UPDATE spans SET until_version = ? WHERE {key}", [(version, session, OPEN, ordinal) for ordinal in ordinals]
    )
