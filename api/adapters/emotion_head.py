"""The emotion head: how the layers of a text's forward pass and its words become probabilities. NumPy only.

    layers (2,688 numbers a part), hints -> one hidden layer -> logits --+
    words, word pairs, signs, hints      -> TF-IDF           -> logits --+-> calibrated probabilities

The weights are made by `python -m benchmarks.goemotions` and lie beside this module, with what they were made from.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from api.adapters.emotion_lexicon import SUMMED
from domain.errors import Unavailable

Floats = NDArray[np.floating[Any]]

WEIGHTS: Final = Path(__file__).with_name("goemotions.npz")

MOST_PARTS: Final = 8
"""Parts of a long text that are read: of its beginning and of its end."""

NO_WORD: Final = 0
"""The row of the words' weights that every text has: what is likely before anything was read."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """A text's words as the head counts them: rows of the words' weights with a value each, `NO_WORD` first.

    `hints` are counted for the layers' reader too (`emotion_lexicon.SUMMED`); `known` of the text's `words` have rows.
    """

    rows: NDArray[np.intp]
    values: Floats
    hints: Floats
    words: int
    known: int


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The features that the head knows, by the row of their weights, and how telling each is (inverse frequency)."""

    rows: Mapping[str, int]
    weights: Floats

    def weigh(self, counts: Counter[str]) -> Terms:
        """TF-IDF of unit length: logarithmic counts times inverse frequency."""
        words = known = 0
        found: dict[int, int] = {}
        for feature, count in counts.items():
            row = self.rows.get(feature)
            if row is not None:
                found[row] = count
            if feature.isalpha():
                words += count
                known += count if row is not None else 0
        rows = np.fromiter(found.keys(), np.intp, len(found))
        values = (1 + np.log(np.fromiter(found.values(), np.float32, len(found)))) * self.weights[rows]
        values /= max(float(np.linalg.norm(values)), 1e-9)
        return Terms(
            rows=np.concatenate([[NO_WORD], rows]),
            values=np.concatenate([[1.0], values]).astype(np.float32),
            hints=np.log1p(np.array([counts[hint] for hint in SUMMED], np.float32)),
            words=words,
            known=known,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """The weights, ready to be multiplied. Rows of the results are in the order of `outputs`. Thread-safe."""

    name: str
    """The first digits of the weights' sha256: equal names mean equal answers."""
    outputs: list[str]
    vocabulary: Vocabulary
    words: Floats
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    bias: Floats
    both: Floats
    """Calibration of the sum, a slope and a shift per output; `alone` is that of the words without the layers."""
    alone: Floats
    thresholds: Floats

    def read(self, layers: Floats, terms: Terms) -> Floats:
        """Probabilities from a text's layers (parts, width) and words, the mean over its parts."""
        spoken = self.spoken(terms)
        parts = (
            layers
            if len(layers) <= MOST_PARTS
            else np.concatenate([layers[: MOST_PARTS // 2], layers[-MOST_PARTS // 2 :]])
        )
        # One by one: a product of matrices wakes the threads of BLAS, which on a busy machine takes far longer.
        return np.mean(
            [probabilities(self.seen(np.concatenate([part, terms.hints])) + spoken, self.both) for part in parts],
            axis=0,
        )

    def read_words(self, terms: Terms) -> Floats:
        """Probabilities from the words alone."""
        return probabilities(self.spoken(terms), self.alone)

    def seen(self, inputs: Floats) -> Floats:
        """Logits of a part's layers with the hints behind them."""
        return gelu(inputs @ self.hidden + self.hidden_bias) @ self.output + self.bias

    def spoken(self, terms: Terms) -> Floats:
        """Logits of the words."""
        return terms.values @ self.words[terms.rows]


def gelu(values: Floats) -> Floats:
    """The Gaussian error linear unit, by its usual approximation."""
    return 0.5 * values * (1 + np.tanh(np.float32(0.7978845608) * (values + np.float32(0.044715) * values**3)))


def probabilities(logits: Floats, calibration: Floats) -> Floats:
    """Calibrated probabilities of logits, whose last axis are the outputs."""
    return 1 / (1 + np.exp(-np.clip(logits * calibration[0] + calibration[1], -30, 30)))


def load_head(file: Path = WEIGHTS) -> Head:
    """Read and check the weights. Raises Unavailable when they are not those that the note beside them describes."""
    try:
        content = file.read_bytes()
        note = orjson.loads(file.with_suffix(".json").read_bytes())
    except (OSError, ValueError) as error:
        raise Unavailable(f"The emotion head cannot be read ({error}). Reinstall Heartline.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != note["sha256"]:
        raise Unavailable(f"The emotion head {file} is not the published one: its sha256 is {sha256}.")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return unpack({name: stored[name] for name in stored.files}, sha256[:8])


def unpack(stored: Mapping[str, NDArray[np.generic]], name: str) -> Head:
    """The head of stored arrays (`benchmarks.emotion_training.pack`). Standardising is folded into the weights."""

    def floats(key: str) -> Floats:
        return stored[key].astype(np.float32)

    def whole(key: str) -> Floats:
        return floats(key) * floats(f"{key}_scale")

    mean, spread = floats("mean"), floats("spread")
    hidden = whole("hidden") / spread[:, None]
    known = stored["vocabulary"].tobytes().decode().split("\n")
    return Head(
        name=name,
        outputs=stored["outputs"].tobytes().decode().split("\n"),
        vocabulary=Vocabulary({feature: row for row, feature in enumerate(known, 1)}, floats("frequency")),
        words=whole("words"),
        hidden=hidden,
        hidden_bias=floats("hidden_bias") - mean @ hidden,
        output=floats("output"),
        bias=floats("bias"),
        both=floats("both"),
        alone=floats("alone"),
        thresholds=floats("thresholds"),
    )
