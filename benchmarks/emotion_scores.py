"""Scores of emotion readings: F1 with a threshold per label, calibration, and the calibration itself."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

BINS: Final = 15


def best_thresholds(probabilities: Floats, truth: Floats) -> Floats:
    """For each label the probability above which saying it gives the best F1."""
    columns = zip(probabilities.T, truth.T, strict=True)
    return np.array([_best_threshold(column, true) for column, true in columns], np.float32)


def _best_threshold(probabilities: Floats, truth: Floats) -> float:
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(truth[order])
    best = int(np.argmax(2 * hits / (np.arange(1, len(order) + 1) + truth.sum())))
    behind = order[min(best + 1, len(order) - 1)]
    return float(probabilities[order[best]] + probabilities[behind]) / 2


def macro_f1(said: NDArray[np.bool_], truth: Floats) -> float:
    """The mean of the labels' F1."""
    return float((2 * (said * truth).sum(0) / np.maximum(said.sum(0) + truth.sum(0), 1)).mean())


def micro_f1(said: NDArray[np.bool_], truth: Floats) -> float:
    """F1 over all texts and labels together."""
    return float(2 * (said * truth).sum() / max(said.sum() + truth.sum(), 1))


def calibration_error(probabilities: Floats, truth: Floats) -> float:
    """How far probabilities are from what happens, over all texts and labels together (15 bins)."""
    flat, true = probabilities.ravel(), truth.ravel()
    bins = np.minimum((flat * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, flat - true, BINS)
    return float(np.abs(gaps).sum() / len(flat))


def label_calibration_error(probabilities: Floats, truth: Floats) -> float:
    """The mean of the labels' own calibration errors, which is stricter: labels cannot make up for each other."""
    pairs = zip(probabilities.T, truth.T, strict=True)
    return float(np.mean([calibration_error(column, true) for column, true in pairs]))


def calibrate(logits: Floats, truth: Floats) -> Floats:
    """A slope and a shift for each column of logits that make them probabilities (Platt), held near 1 and 0 where there
    are few examples."""
    columns = [_calibrate(column, true) for column, true in zip(logits.T, truth.T, strict=True)]
    return np.array(columns, np.float32).T


def _calibrate(logits: Floats, truth: Floats) -> NDArray[np.float64]:
    prior, strength = np.array([1.0, 0.0]), np.array([4.0, 1.0])
    inputs = np.stack([logits.astype(np.float64), np.ones(len(logits))], axis=1)
    weights = prior.copy()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (chance - truth) + strength * (weights - prior)
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + np.diag(strength)
        weights -= np.clip(np.linalg.solve(curvature, gradient), -0.5, 0.5)
    return weights
