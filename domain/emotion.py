"""Emotion of a text: labels, the keyword detector of the original design, and importance.

Pure: no model is needed for any of it. Other detectors give the same `Emotion` with labels of their own.
"""

from dataclasses import dataclass
from typing import Final

NEUTRAL: Final = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emotion:
    """Probabilities per label (0..1), the dominant label and the confidence in it (0..1)."""

    labels: dict[str, float]
    dominant: str
    confidence: float


LABELS: Final = ("joy", "sadness", "anger", "fear", "surprise", "disgust", "love", NEUTRAL)
