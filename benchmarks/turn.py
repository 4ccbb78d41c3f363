"""What memory adds to a streamed turn of 50 chunks, against the same upstream called directly in the same run.

The server is the console script in a process of its own, asked over HTTP; its log is synced, its embedding model the
real one. 64 sessions of each length are asked in rotation by clients that send nothing but their newest message: by one
that pauses between its turns, as people do, and by 1, 16 or 64 that never do. Of long sessions there are as many as a
server keeps warm, and no more clients than that: what a turn of a session costs that is not warm is another question.
"""

import asyncio
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final, cast

from rich.progress import Progress

from benchmarks.caller import Heard, ask_all
from benchmarks.chat import questions
from benchmarks.console import Listening, listening, plain_http
from benchmarks.report import Result, Row
from benchmarks.sessions import QUIET, alike, data_folder, filling, progress
from benchmarks.upstream import upstream
from projections.indexes import WARM_DOCUMENTS

SIZES: Final = (20, 600, 10_000)
CLIENTS: Final = (1, 16, 64)
SESSIONS: Final = 64
TURNS: Final = 192
"""Measured turns of a cell; each session gets as many as every other."""

Named = Mapping[int, Sequence[str]]
"""Sessions by how many messages each has."""

PAUSE_SECONDS: Final = 0.1
"""Longer than all that a turn leaves to be done behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of the table: so many clients at once, pausing or not, in sessions of one length."""

    clients: int
    pausing: bool
    direct: Sequence[Heard]
    heard: Sequence[Heard]
    cpu_ms: float
    seconds: float

    def row(self, size: int) -> Row:
        direct, heard = _firsts(self.direct), _firsts(self.heard)
        return {
            "messages": f"{size:,}",
            "clients": f"{self.clients}, pausing" if self.pausing else f"{self.clients}",
            "direct p50 ms": statistics.median(direct),
            "first token p50 ms": statistics.median(heard),
            "added p50 ms": statistics.median(heard) - statistics.median(direct),
            "added p95 ms": _p95(heard) - _p95(direct),
            "CPU ms a turn": self.cpu_ms,
            "turns/s": len(self.heard) / self.seconds,
        }


def measure(
    *,
    sizes: Sequence[int] = SIZES,
    clients: Sequence[int] = CLIENTS,
    sessions: int = SESSIONS,
    turns: int = TURNS,
) -> list[Result]:
    """First tokens, CPU and turns a second for each length and number of clients; the parts of a turn of one client."""
    named = {size: _names(size, sessions) for size in sizes}
    with progress() as bar, data_folder() as folder, upstream() as model:
        asyncio.run(_fill(folder, named, bar))
        with listening(folder, {"MODEL_PROVIDER": "openai", "OPENAI_BASE_URL": model, **QUIET}) as server:
            bench = _Bench(server, model, named=named, turns=turns, bar=bar)
            cells = {size: asyncio.run(bench.cells(size, clients)) for size in sizes}
            parts = {size: bench.parts(size, found[0]) for size, found in cells.items()}
    rows = [cell.row(size) for size, found in cells.items() for cell in found]
    return [
        Result(title="a streamed turn of 50 chunks, beside the upstream called directly", rows=rows),
        Result(title="its parts with one client that pauses, p50 (p95) in ms", rows=_parts_table(parts)),
    ]


async def _fill(folder: Path, named: Named, bar: Progress) -> None:
    async with filling(folder) as system:
        for size, names in named.items():
            await alike(system, names, size, bar)


class _Bench:
    """The server under test and how it is asked."""

    def __init__(self, server: Listening, model: str, *, named: Named, turns: int, bar: Progress) -> None:
        self._server = server
        self._model = model
        self._named = named
        self._turns = turns
        self._bar = bar

    async def cells(self, size: int, clients: Sequence[int]) -> list[Cell]:
        """All of one length. A session's first turn reads its index into memory and is not measured."""
        sessions = len(self._named[size])
        await self._round(size, clients=4, turns=sessions, task=f"warming sessions of {size:,}")
        pausing = await self._cell(size, 1, pausing=True)
        return [pausing, *[await self._cell(size, count) for count in clients if count <= sessions]]

    async def _cell(self, size: int, clients: int, *, pausing: bool = False) -> Cell:
        direct = await ask_all(
            self._model, clients, [("/v1/chat/completions", text) for text in questions(self._turns)]
        )
        before, began = self._server.cpu_seconds(), asyncio.get_running_loop().time()
        heard = await self._round(
            size, clients=clients, turns=self._turns, task=f"{size:,} messages, {clients} at once", pausing=pausing
        )
        seconds = asyncio.get_running_loop().time() - began
        cpu_ms = (self._server.cpu_seconds() - before) / self._turns * 1000
        return Cell(clients=clients, pausing=pausing, direct=direct, heard=heard, cpu_ms=cpu_ms, seconds=seconds)

    async def _round(self, size: int, *, clients: int, turns: int, task: str, pausing: bool = False) -> list[Heard]:
        bar = self._bar.add_task(task, total=turns)
        asked = [
            (f"/sessions/{name}/v1/chat/completions", text)
            for name, text in zip(cycle(self._named[size]), questions(turns, seed=0 if pausing else clients))
        ]
        pause = PAUSE_SECONDS if pausing else 0.0
        heard = await ask_all(self._server.url, clients, asked, lambda: self._bar.advance(bar), pause)
        self._bar.remove_task(bar)
        return heard

    def parts(self, size: int, cell: Cell) -> dict[str, list[float]]:
        """What the server noted of each turn, in milliseconds."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        with plain_http(base_url=self._server.url) as http:
            for name, heard in zip(cycle(self._named[size]), cell.heard):
                answer = http.get(f"/sessions/{name}/turns/{heard.turn}")
                for part, ms in cast("dict[str, float]", answer.raise_for_status().json()["timings_ms"]).items():
                    found[part].append(ms)
        return found


def _names(size: int, sessions: int) -> list[str]:
    """The sessions of this length: as many as are kept warm together, with room for what is said meanwhile."""
    warm = max(1, min(sessions, WARM_DOCUMENTS * 4 // 5 // size))
    return [f"bench-{size}-{number}" for number in range(warm)]


def _firsts(heard: Sequence[Heard]) -> list[float]:
    return [reply.first_ms for reply in heard]


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _parts_table(parts: dict[int, dict[str, list[float]]]) -> list[Row]:
    names = list(next(iter(parts.values())))
    return [
        {"part": name, **{f"{size:,} messages": _spread(found[name]) for size, found in parts.items()}}
        for name in names
    ]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({_p95(values):.1f})"
