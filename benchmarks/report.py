"""What a benchmark found, as a table for people and as JSON for programs, with the machine it was found on."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.table import Table

Row = dict[str, str | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A table: rows of one shape, whose numbers have their unit in the column's name."""

    title: str
    rows: Sequence[Row]

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=self.title, title_justify="left")
        for column, value in self.rows[0].items():
            table.add_column(column, justify="left" if isinstance(value, str) else "right")
        for row in self.rows:
            table.add_row(*(value if isinstance(value, str) else _shown(value) for value in row.values()))
        return table


def spread(found: Sequence[float]) -> Row:
    """The median and the 95th percentile of these milliseconds."""
    return {"p50 ms": statistics.median(found), "p95 ms": float(np.quantile(found, 0.95))}


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.2f}"


def machine() -> dict[str, str | float]:
    """Where and when: a number without it says nothing. `load` is that of the minute before."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": float(os.cpu_count() or 1),
        "memory GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """The model's name where the system tells it, else its architecture."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
