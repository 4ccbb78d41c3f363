"""Token vectors: what the embedding model made of each word piece of a text, small enough to keep for every message.

The states of the last layer are projected from 384 to 64 dimensions (a fixed matrix, `weights/`), each scaled to the
range of a signed byte; only their directions count. 66 bytes a word piece with the piece's own number.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 64
MOST_TOKENS: Final = 128
"""Kept of one text, its first: some 100 words, 8 kB. More find nothing more, in long answers rather less."""

_MATRIX: Final = Path(__file__).parent / "weights" / "token-projection-64.npy"
_SCALE: Final = 127


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """One row a token: `pieces` are word pieces of the model's vocabulary, `vectors` signed bytes."""

    pieces: NDArray[np.uint16]
    vectors: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.pieces)

    def packed(self) -> bytes:
        """As the log stores them: all pieces, then all vectors; little-endian."""
        return self.pieces.astype("<u2").tobytes() + self.vectors.tobytes()

    @classmethod
    def unpacked(cls, packed: bytes) -> "TokenVectors":
        """Raises ValueError for what was not packed here."""
        count, rest = divmod(len(packed), 2 + DIMENSIONS)
        if rest:
            raise ValueError("These are no token vectors.")
        pieces = np.frombuffer(packed, dtype="<u2", count=count)
        return cls(pieces, np.frombuffer(packed, dtype=np.int8, offset=2 * count).reshape(count, DIMENSIONS))


@dataclass(frozen=True, slots=True)
class Projection:
    """The matrix, and a name that says which: vectors made by different ones must not be compared."""

    matrix: NDArray[np.float32]
    name: str

    def reduce(self, pieces: NDArray[np.integer], states: NDArray[np.floating]) -> TokenVectors:
        """The token vectors of a text with these last-layer states, shape (tokens, width of the model). A text without
        any word piece gets one that resembles nothing."""
        if not len(pieces):
            return TokenVectors(np.zeros(1, np.uint16), np.zeros((1, DIMENSIONS), np.int8))
        small = states[:MOST_TOKENS].astype(np.float32) @ self.matrix
        largest = np.abs(small).max(axis=1, initial=1e-9, keepdims=True)
        return TokenVectors(pieces[:MOST_TOKENS].astype(np.uint16), np.rint(small * (_SCALE / largest)).astype(np.int8))


@lru_cache(maxsize=1)
def projection() -> Projection:
    """The projection that belongs to all-MiniLM-L6-v2."""
    stored = _MATRIX.read_bytes()
    matrix: NDArray[np.float16] = np.load(_MATRIX)
    return Projection(
        matrix.astype(np.float32), f"tokens{matrix.shape[1]}x{MOST_TOKENS}:{hashlib.sha256(stored).hexdigest()[:8]}:i8"
    )
