"""How the emotion head is made: two readers of the same labels, trained apart, their logits averaged, then calibrated.

    layers -> standardised -> one hidden layer (GELU, dropout), AdamW and one cycle            -> logits of the layers
    words  -> TF-IDF -> logistic regression of each label                                      -> logits of the words
    dev    -> slope and shift of each label's average (and of the words alone), thresholds

NumPy, and SciPy for the words. What is packed has 8 bits a weight at most.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from api.adapters.emotion_head import Floats, Head, Terms, Vocabulary, gelu, probabilities, unpack
from api.adapters.emotion_words import features
from benchmarks.emotion_scores import best_thresholds, calibrate

FEATURES: Final = 10_000
HIDDEN: Final = 160
EPOCHS: Final = 10
BATCH: Final = 512
PEAK: Final = 1.5e-3
DECAY: Final = 0.01
DROPPED_INPUT: Final = 0.2
DROPPED_HIDDEN: Final = 0.25
SLACK: Final = 2.0
"""C of the logistic regressions: larger fits the words closer."""
OF_LAYERS: Final = 0.5
"""What the layers' logits count in the average; the words' count the rest."""

# SciPy ships no types.
_minimize = cast("Callable[..., Any]", optimize.minimize)  # pyright: ignore[reportUnknownMemberType]
_csr = cast("Callable[..., Any]", sparse.csr_matrix)

Weights = dict[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Texts as the head sees them, and what is true of each: 0 or 1, a column per output."""

    layers: Floats
    terms: Sequence[Counter[str]]
    truth: Floats

    def joined(self, others: "Examples") -> "Examples":
        return Examples(
            layers=np.concatenate([self.layers, others.layers]),
            terms=[*self.terms, *others.terms],
            truth=np.concatenate([self.truth, others.truth]),
        )

    def part(self, rows: NDArray[np.intp]) -> "Examples":
        chosen: list[int] = rows.tolist()
        return Examples(layers=self.layers[rows], terms=[self.terms[row] for row in chosen], truth=self.truth[rows])


def vocabulary_of(terms: Sequence[Counter[str]], size: int = FEATURES) -> Vocabulary:
    """The features that most texts have, and their inverse frequencies."""
    texts = Counter(feature for counts in terms for feature in counts)
    kept = [feature for feature, _ in texts.most_common(size)]
    frequency = [0.0, *(math.log((1 + len(terms)) / (1 + texts[feature])) + 1 for feature in kept)]
    return Vocabulary({feature: row for row, feature in enumerate(kept, 1)}, np.array(frequency, np.float32))


# -- the layers --------------------------------------------------------------------------------------------------------


def fit_layers(layers: Floats, truth: Floats, *, seed: int) -> Weights:
    """One hidden layer over standardised inputs."""
    random = np.random.default_rng(seed)
    inputs, outputs = layers.shape[1], truth.shape[1]
    weights: Weights = {
        "hidden": (random.standard_normal((inputs, HIDDEN)) / math.sqrt(inputs)).astype(np.float32),
        "hidden_bias": np.zeros(HIDDEN, np.float32),
        "output": (random.standard_normal((HIDDEN, outputs)) / math.sqrt(HIDDEN)).astype(np.float32),
        "bias": np.full(outputs, -3, np.float32),
    }
    descent = _Descent(weights)
    batches = math.ceil(len(layers) / BATCH)
    for epoch in range(EPOCHS):
        for number, rows in enumerate(np.array_split(random.permutation(len(layers)), batches)):
            gradients = _gradients(weights, layers[rows].astype(np.float32), truth[rows], random)
            descent.step(gradients, PEAK * _cycle((epoch * batches + number) / (EPOCHS * batches)))
    return weights


def _gradients(weights: Weights, inputs: Floats, truth: Floats, random: np.random.Generator) -> Weights:
    inputs *= _mask(inputs.shape, DROPPED_INPUT, random)
    inner = inputs @ weights["hidden"] + weights["hidden_bias"]
    mask = _mask(inner.shape, DROPPED_HIDDEN, random)
    seen = gelu(inner) * mask
    chance = 1 / (1 + np.exp(-(seen @ weights["output"] + weights["bias"])))
    error = (chance - truth) / np.float32(len(truth))
    back = (error @ weights["output"].T) * mask * _gelu_slope(inner)
    return {
        "hidden": inputs.T @ back,
        "hidden_bias": back.sum(0),
        "output": seen.T @ error,
        "bias": error.sum(0),
    }


def _mask(shape: tuple[int, ...], dropped: float, random: np.random.Generator) -> Floats:
    return (random.random(shape, np.float32) >= dropped) / np.float32(1 - dropped)


def _gelu_slope(values: Floats) -> Floats:
    scale, cubic = np.float32(0.7978845608), np.float32(0.044715)
    bent = np.tanh(scale * (values + cubic * values**3))
    return 0.5 * (1 + bent) + 0.5 * values * (1 - bent**2) * scale * (1 + 3 * cubic * values**2)


def _cycle(done: float) -> float:
    """The learning rate as a share of its peak: up for three tenths of the way, then down."""
    return done / 0.3 if done < 0.3 else 0.5 * (1 + math.cos(math.pi * (done - 0.3) / 0.7))


class _Descent:
    """AdamW; biases do not decay."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._mean = {name: np.zeros_like(value) for name, value in weights.items()}
        self._square = {name: np.zeros_like(value) for name, value in weights.items()}
        self._steps = 0

    def step(self, gradients: Weights, rate: float) -> None:
        self._steps += 1
        for name, gradient in gradients.items():
            mean, square, weight = self._mean[name], self._square[name], self._weights[name]
            mean += np.float32(0.1) * (gradient - mean)
            square += np.float32(0.001) * (gradient * gradient - square)
            move = mean / (1 - 0.9**self._steps) / (np.sqrt(square / (1 - 0.999**self._steps)) + 1e-8)
            weight -= np.float32(rate) * (move + (DECAY * weight if weight.ndim == 2 else 0))


# -- the words ---------------------------------------------------------------------------------------------------------


def fit_words(terms: Sequence[Terms], truth: Floats, size: int) -> Floats:
    """A logistic regression of each column over the words, shape (size + 1, columns)."""
    bounds = np.cumsum([0, *(len(one.rows) for one in terms)])
    rows, values = np.concatenate([one.rows for one in terms]), np.concatenate([one.values for one in terms])
    matrix = _csr((values.astype(np.float64), rows, bounds), shape=(len(terms), size + 1))
    transposed = matrix.T.tocsr()
    held = np.full(size + 1, 1 / SLACK)
    held[0] = 1e-4

    def fit(true: NDArray[np.float64]) -> NDArray[np.float64]:
        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            logits = matrix @ weights
            wrong = np.logaddexp(0, logits).sum() - (true * logits).sum() + 0.5 * (held * weights**2).sum()
            return wrong, transposed @ (1 / (1 + np.exp(-logits)) - true) + held * weights

        start = np.zeros(size + 1)
        start[0] = math.log(true.mean() / (1 - true.mean()))
        return _minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x

    return np.stack([fit(column.astype(np.float64)) for column in truth.T], axis=1).astype(np.float32)


# -- the head ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What all seeds share: standardised inputs and the words' weights, which no chance is in."""

    outputs: Sequence[str]
    vocabulary: Vocabulary
    inputs: Floats
    mean: Floats
    spread: Floats
    truth: Floats
    spoken: Floats

    @classmethod
    def prepared(cls, examples: Examples, outputs: Sequence[str]) -> "Training":
        """Ready to train on the examples; fits the words."""
        vocabulary = vocabulary_of(examples.terms)
        terms = [vocabulary.weigh(one) for one in examples.terms]
        inputs = inputs_of(examples.layers, terms)
        mean, spread = inputs.mean(0, dtype=np.float32), inputs.std(0, dtype=np.float32) + 1e-6
        return cls(
            outputs=outputs,
            vocabulary=vocabulary,
            inputs=((inputs - mean) / spread).astype(np.float16),
            mean=mean,
            spread=spread,
            truth=examples.truth,
            spoken=fit_words(terms, examples.truth, len(vocabulary.rows)),
        )

    def train(self, dev: Examples, *, seed: int) -> dict[str, NDArray[Any]]:
        """The arrays of a head, calibrated and given its thresholds on `dev`."""
        seen = fit_layers(self.inputs, self.truth, seed=seed)
        stored = {
            **_packed("hidden", seen["hidden"], 31),
            **_packed("words", (1 - OF_LAYERS) * self.spoken, 31),
            **{
                name: seen[name] * (OF_LAYERS if name in ("output", "bias") else 1) for name in seen if name != "hidden"
            },
            "mean": self.mean,
            "spread": self.spread,
            "frequency": self.vocabulary.weights.astype(np.float16),
            "vocabulary": np.frombuffer("\n".join(self.vocabulary.rows).encode(), np.uint8),
            "outputs": np.frombuffer("\n".join(self.outputs).encode(), np.uint8),
        }
        return {**stored, **_tuned(stored, dev)}


def _packed(name: str, weights: Floats, most: int) -> dict[str, NDArray[Any]]:
    """Small integers with a scale for each column. Fewer levels than a byte has leave the file half its size."""
    scale = np.quantile(np.abs(weights), 0.9995, axis=0) / most
    return {
        name: np.clip(np.round(weights / scale), -127, 127).astype(np.int8),
        f"{name}_scale": scale.astype(np.float32),
    }


def _tuned(stored: dict[str, NDArray[Any]], dev: Examples) -> dict[str, Floats]:
    """Calibration and thresholds, found with the weights as they were packed."""
    count = dev.truth.shape[1]
    plain = np.stack([np.ones(count), np.zeros(count)]).astype(np.float32)
    head = unpack({**stored, "both": plain, "alone": plain, "thresholds": plain[0]}, "untuned")
    terms = [head.vocabulary.weigh(one) for one in dev.terms]
    spoken = np.stack([head.spoken(one) for one in terms])
    both = spoken + head.seen(inputs_of(dev.layers, terms))
    tuned = {"both": calibrate(both, dev.truth), "alone": calibrate(spoken, dev.truth)}
    return {**tuned, "thresholds": best_thresholds(probabilities(both, tuned["both"]), dev.truth)}


def answers(head: Head, examples: Examples) -> Floats:
    """The head's probabilities for each of the texts."""
    read = [
        head.read(layers[None, :].astype(np.float32), head.vocabulary.weigh(terms))
        for layers, terms in zip(examples.layers, examples.terms, strict=True)
    ]
    return np.stack(read)


def inputs_of(layers: Floats, terms: Sequence[Terms]) -> Floats:
    """What the hidden layer sees: a text's layers, and its hints behind them."""
    return np.concatenate([layers, np.stack([one.hints for one in terms])], axis=1, dtype=np.float32)


def terms_of(texts: Sequence[str]) -> list[Counter[str]]:
    """What the words' reader counts in each text."""
    return [Counter(features(text)) for text in texts]
