"""Whose versions a session's axis is made of: a fork's versions up to `at` are its ancestors', the later ones its own.

The rows name, for each session, every ancestor with the versions it contributed, so that no read walks up a tree. This
is the one view that the others may read while they apply and answer; it reads none. A session that was erased keeps its
rows as marked ones, because they say which ancestors' rows it was holding; `reach` shows only the living.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from domain.events import MessageForgotten, SessionErased, SessionForked, SessionRewound, SessionStarted
from projections.ports import LoggedEvent
from projections.views import OPEN, Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Versions above `after` up to `upto` of a session's axis are those of session `origin`."""

    origin: str
    after: int
    upto: int


@dataclass(frozen=True, slots=True)
class Story:
    """The versions that led to the present one: a rewind leaves out what came between it and where it went back to.

    `stretches` are first and last version of each, the latest first.
    """

    stretches: Sequence[tuple[int, int]]

    def __contains__(self, version: int) -> bool:
        return any(first <= version <= last for first, last in self.stretches)


class Lineage:
    """Sessions and the ancestors whose versions they continue."""

    name = "lineage"
    schema = (
        """CREATE TABLE lineage (
            session TEXT NOT NULL, origin TEXT NOT NULL, after_version INTEGER NOT NULL, upto_version INTEGER NOT NULL,
            erased INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (session, after_version)
        ) WITHOUT ROWID""",
        "CREATE INDEX lineage_origin ON lineage (origin)",
        """CREATE TABLE rewinds (
            session TEXT NOT NULL, version INTEGER NOT NULL, back INTEGER NOT NULL, PRIMARY KEY (session, version)
        ) WITHOUT ROWID""",
        """CREATE VIEW reach AS
            SELECT session, origin, after_version, upto_version FROM lineage WHERE erased = 0""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        session = event.originator_id.hex
        match event:
            case SessionStarted():
                self._begin(db, session, 0)
            case SessionForked():
                db.execute(
                    """INSERT OR REPLACE INTO lineage (session, origin, after_version, upto_version)
                    SELECT ?, origin, after_version, min(upto_version, ?) FROM lineage
                    WHERE session = ? AND after_version < ?""",
                    (session, event.at, event.parent, event.at),
                )
                self._begin(db, session, event.at)
            case SessionRewound():
                db.execute(
                    "INSERT OR REPLACE INTO rewinds VALUES (?, ?, ?)", (session, event.originator_version, event.to)
                )
            case SessionErased():
                db.execute("UPDATE lineage SET erased = 1 WHERE session = ?", (session,))
            case _:
                pass

    def _begin(self, db: sqlite3.Connection, session: str, after: int) -> None:
        db.execute(
            "INSERT OR REPLACE INTO lineage (session, origin, after_version, upto_version) VALUES (?, ?, ?, ?)",
            (session, session, after, OPEN),
        )

    def stretches(self, session: UUID, at: int | None = None) -> list[Stretch]:
        """The axis of the session from its root on, as of version `at`; empty when there is no such session."""
        rows = self._views.read().execute(
            """SELECT origin, after_version, min(upto_version, :at) FROM reach
            WHERE session = :session AND after_version < :at ORDER BY after_version""",
            scope(session, at),
        )
        return [Stretch(origin=origin, after=after, upto=upto) for origin, after, upto in rows]

    def story(self, session: UUID, at: int | None = None) -> Story:
        """The versions that led to version `at`."""
        rows = self._views.read().execute(
            f"SELECT t.version, t.back {in_reach('rewinds')} ORDER BY t.version DESC", scope(session, at)
        )
        told: list[tuple[int, int]] = []
        upto = OPEN if at is None else at
        for version, back in rows:
            if version <= upto:
                told.append((version, upto))
                upto = back
        return Story([*told, (0, upto)])


def scope(session: UUID, at: int | None, **more: int | str | None) -> dict[str, int | str | None]:
    """The parameters `:session` and `:at` of a query over `reach`; `at` None is now."""
    return {"session": session.hex, "at": OPEN if at is None else at, **more}


def in_reach(table: str, index: str = "") -> str:
    """A FROM clause: rows `t` of a table with (session, version) that `:session` can see as of `:at`, ancestors' too.

    The join order is forced: few stretches first, then each one's rows by their key, or by the index named.
    """
    by = f"INDEXED BY {index}" if index else ""
    return f"""FROM reach l CROSS JOIN {table} t {by} ON t.session = l.origin
        AND t.version > l.after_version AND t.version <= min(l.upto_version, :at) AND l.session = :session"""


def named_in_reach(table: str) -> str:
    """A FROM clause: rows `t` of those versions in the JSON list `:versions` that `:session` can see as of `:at`."""
    return f"""FROM json_each(:versions) v CROSS JOIN reach l CROSS JOIN {table} t ON l.session = :session
        AND v.value > l.after_version AND v.value <= min(l.upto_version, :at)
        AND t.session = l.origin AND t.version = v.value"""


def naming(versions: Iterable[int]) -> str:
    """The parameter `:versions`, each version once."""
    return orjson.dumps(sorted(set(versions))).decode()


SHARING = """IN (
    SELECT session FROM lineage WHERE origin = :origin AND :version > after_version AND :version <= upto_version
)"""
"""A condition on a session: `:version` of session `:origin` is on its axis, by its own right or as a fork."""


def origins(db: sqlite3.Connection, session: str, versions: Iterable[int]) -> dict[int, str]:
    """Which session each version belongs to. Erased sessions answer too: an erasure may follow in the same batch."""
    rows = db.execute(
        """SELECT v.value, l.origin FROM json_each(?) v JOIN lineage l
        ON l.session = ? AND v.value > l.after_version AND v.value <= l.upto_version""",
        (orjson.dumps(list(versions)), session),
    )
    return dict(rows.fetchall())


def forgotten_in(event: MessageForgotten) -> set[int]:
    """Every version that may no longer be known."""
    return {event.of, *event.versions}


def held(db: sqlite3.Connection, session: str, versions: Iterable[int]) -> list[dict[str, int | str]]:
    """The versions of a session's axis as rows are keyed: `origin` and `version`."""
    return [{"origin": origin, "version": version} for version, origin in origins(db, session, versions).items()]


def forget(db: sqlite3.Connection, table: str, session: str, versions: Iterable[int]) -> None:
    """Delete the rows of these versions, from whichever session of the lineage holds them."""
    db.executemany(f"DELETE FROM {table} WHERE session = :origin AND version = :version", held(db, session, versions))


def sweep(db: sqlite3.Connection, table: str, session: str, *, column: str = "version") -> None:
    """After an erasure: delete the rows of erased sessions of its lineage that no living fork continues."""
    db.execute(
        f"""DELETE FROM {table} WHERE session IN (
            SELECT a.origin FROM lineage a JOIN lineage b ON b.session = a.origin AND b.erased WHERE a.session = ?
        ) AND NOT EXISTS (
            SELECT 1 FROM reach l WHERE l.origin = {table}.session
            AND {table}.{column} > l.after_version AND {table}.{column} <= l.upto_version
        )""",
        (session,),
    )
