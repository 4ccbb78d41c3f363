"""Measure the speed of Heartline. Each benchmark prints tables; all of them together take some twenty minutes.

What quality is measured with are commands of their own: see benchmarks/README.md.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import orjson
from rich.console import Console

from benchmarks import appends, crowd, rebuild, reconcile, start, time_machine, turn
from benchmarks.report import Result, machine

BENCHMARKS: Final[Mapping[str, Callable[[], list[Result]]]] = {
    "turn": turn.measure,
    "crowd": crowd.measure,
    "appends": appends.measure,
    "rebuild": rebuild.measure,
    "start": start.measure,
    "time_machine": time_machine.measure,
    "reconcile": reconcile.measure,
}


def main() -> None:
    """Parse the command line, measure, print, write."""
    arguments = _parser().parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        _parser().error(f"there is no benchmark {unknown[0]!r}: choose from {', '.join(BENCHMARKS)}")
    out = Console(width=None if sys.stdout.isatty() else 120)
    here, command = machine(), " ".join(["python -m benchmarks", *sys.argv[1:]])
    out.print(", ".join(f"{name} {value}" for name, value in here.items()))
    results: dict[str, list[Result]] = {}
    for name in arguments.names or BENCHMARKS:
        results[name] = BENCHMARKS[name]()
        for result in results[name]:
            out.print(result.table())
        if arguments.json is not None:  # after each: a long run that is broken off has shown what it found
            found = {"machine": here, "command": command, "results": results}
            arguments.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="\n".join(f"  {name:14}{_first_line(f'benchmarks.{name}')}" for name in BENCHMARKS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all when none is named")
    parser.add_argument("--json", type=Path, metavar="OUT", help="file to write the results to as JSON")
    return parser


def _first_line(module: str) -> str:
    return (sys.modules[module].__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    main()
