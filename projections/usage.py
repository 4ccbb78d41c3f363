"""Tokens that each reply and each summary took, and what they cost by a price list that the reader brings."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

import orjson

from domain.events import ReplyCompleted, ReplyExtended, SessionErased, SummaryWritten
from domain.records import Usage
from projections.lineage import in_reach, scope, sweep
from projections.ports import LoggedEvent
from projections.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens. `cached` is for those input tokens that the provider had cached."""

    input: float
    output: float
    cached: float

    def cost(self, *, input_tokens: int, output_tokens: int, cached_tokens: int) -> float:
        """US dollars for so many tokens, the cached ones being part of the input."""
        fresh = input_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * self.cached + output_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotals:
    """Tokens over all replies and summaries, reasoning and cached ones being part of output and input.

    `estimated` says that at least one count is ours, not the model's; the cost is None when a model has no price.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    estimated: bool
    replies: int
    estimated_cost_usd: float | None


class UsageLedger:
    """Usage of each reply, and of each summary that a model wrote. A fork's totals include what it has in common with
    its ancestors."""

    name = "usage"
    schema = (
        """CREATE TABLE usage (
            session TEXT NOT NULL, version INTEGER NOT NULL, turn TEXT NOT NULL, model TEXT NOT NULL,
            input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL, day TEXT NOT NULL,
            PRIMARY KEY (session, version)
        )""",
    )

    def __init__(self, views: Views) -> None:
        self._views = views

    def apply(self, db: sqlite3.Connection, logged: LoggedEvent) -> None:
        event = logged.event
        match event:
            case ReplyCompleted(usage=usage) | ReplyExtended(usage=usage):
                _note(db, event, event.turn, usage)
            case SummaryWritten(usage=usage) if usage is not None:
                _note(db, event, _NO_TURN, usage)
            case SessionErased():
                sweep(db, "usage", event.originator_id.hex)
            case _:
                pass

    def totals(self, session: UUID, at: int | None = None, *, prices: Mapping[str, Price]) -> UsageTotals:
        """Sums over replies and summaries up to `at`, with their cost by `prices` (by model name)."""
        rows: list[Row] = (
            self._views.read()
            .execute(f"SELECT t.model, {_SUMS} {in_reach('usage')} GROUP BY t.model", scope(session, at))
            .fetchall()
        )
        return _total(rows, prices)

    def days(self, sessions: Iterable[UUID], *, since: str, prices: Mapping[str, Price]) -> dict[str, UsageTotals]:
        """Sums over the sessions' own replies and summaries of each day (UTC, ISO 8601) from `since` on that had any,
        oldest first. What a fork has in common with its parent is the parent's."""
        rows = self._views.read().execute(
            f"""SELECT t.day, t.model, {_SUMS} FROM json_each(:sessions) s CROSS JOIN usage t ON t.session = s.value
            WHERE t.day >= :since GROUP BY t.day, t.model ORDER BY t.day""",
            {"sessions": orjson.dumps([session.hex for session in sessions]), "since": since},
        )
        by_day: dict[str, list[Row]] = {}
        for day, *row in rows:
            by_day.setdefault(day, []).append(tuple(row))
        return {day: _total(found, prices) for day, found in by_day.items()}


def _note(
    db: sqlite3.Connection, event: ReplyCompleted | ReplyExtended | SummaryWritten, turn: str, usage: Usage
) -> None:
    db.execute(
        "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.originator_id.hex,
            event.originator_version,
            turn,
            event.model,
            usage["input_tokens"],
            usage["output_tokens"],
            usage["cached_tokens"],
            usage["reasoning_tokens"],
            usage["estimated"],
            event.timestamp.astimezone(UTC).date().isoformat(),
        ),
    )


_NO_TURN = ""
"""The turn of a summary, which is written behind the turns."""

Row = tuple[str, int, int, int, int, int, int]

_SUMS = """sum(t.input_tokens), sum(t.output_tokens), sum(t.cached_tokens), sum(t.reasoning_tokens), max(t.estimated),
    sum(t.turn != '')"""


def _total(rows: Sequence[Row], prices: Mapping[str, Price]) -> UsageTotals:
    """Of rows by model."""
    costs = [
        price.cost(input_tokens=tokens, output_tokens=output, cached_tokens=cached)
        if (price := prices.get(model)) is not None
        else None
        for model, tokens, output, cached, *_ in rows
    ]
    known = [cost for cost in costs if cost is not None]
    return UsageTotals(
        input_tokens=sum(row[1] for row in rows),
        output_tokens=sum(row[2] for row in rows),
        cached_tokens=sum(row[3] for row in rows),
        reasoning_tokens=sum(row[4] for row in rows),
        estimated=any(row[5] for row in rows),
        replies=sum(row[6] for row in rows),
        estimated_cost_usd=sum(known) if len(known) == len(costs) else None,
    )
