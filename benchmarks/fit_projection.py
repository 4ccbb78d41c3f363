"""Finds the matrix that makes token vectors small: the main directions of the last layer's tokens.

    python -m benchmarks.fit_projection --texts FILE [--count 6000] [--write FILE]

FILE has a text a line, up to the first tab. The directions are those of the tokens' unit vectors around the origin
(not around their mean: only angles count), the 64 that hold most. Prints how much they hold.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.adapters.minilm import DIMENSIONS as WIDTH
from api.adapters.minilm import MiniLmEncoder
from projections.token_vectors import DIMENSIONS

BATCH = 64


async def products(texts: Sequence[str]) -> NDArray[np.float64]:
    """The sum of the outer products of all tokens' unit vectors."""
    encoder = MiniLmEncoder(precision="float32")
    total = np.zeros((WIDTH, WIDTH))
    try:
        for start in range(0, len(texts), BATCH):
            for encoding in await encoder.encode(texts[start : start + BATCH]):
                if encoding.tokens is not None:
                    states = encoding.tokens.states.astype(np.float64)
                    states /= np.linalg.norm(states, axis=1, keepdims=True)
                    total += states.T @ states
    finally:
        await encoder.close()
    return total


def main() -> None:
    """Parse the command line, read, decompose, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_projection", description="Small token vectors.")
    parser.add_argument("--texts", type=Path, required=True, help="a text a line, up to the first tab")
    parser.add_argument("--count", type=int, default=6000, help="how many of them are read")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the matrix here (.npy)")
    given = parser.parse_args()
    lines = given.texts.read_text(encoding="utf-8").splitlines()[: given.count]
    held, directions = np.linalg.eigh(asyncio.run(products([line.partition("\t")[0] for line in lines])))
    order = np.argsort(-held)
    print(f"{DIMENSIONS} of {WIDTH} directions hold {held[order[:DIMENSIONS]].sum() / held.sum():.1%}")
    if given.write is not None:
        np.save(given.write, directions[:, order[:DIMENSIONS]].astype(np.float16))


if __name__ == "__main__":
    main()
