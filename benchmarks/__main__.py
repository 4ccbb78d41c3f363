"""`python -m benchmarks [NAME …]`: run the benchmarks named, or all. Each prints a table and writes JSON."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import appends, turn

Rows = list[dict[str, str | float]]

BENCHMARKS: Mapping[str, Callable[[], Rows]] = {"turn": turn.measure, "appends": appends.measure}


def main() -> None:
    """Parse the command line, measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which to run; all when none is named")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder for the JSON files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or BENCHMARKS:
        rows = BENCHMARKS[name]()
        (arguments.out / f"{name}.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")
        Console().print(_table(name, rows))


def _table(name: str, rows: Rows) -> Table:
    table = Table(title=name)
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(value if isinstance(value, str) else f"{value:.2f}" for value in row.values()))
    return table


if __name__ == "__main__":
    main()
