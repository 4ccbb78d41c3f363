"""What the labels of an emotion mean: the eight feelings, their shades, how pleasant and how strong they are.

Pure. Every detector speaks of the eight feelings (`FEELINGS`); one with finer labels adds shades of them.
"""

from collections.abc import Mapping
from typing import Final

from domain.emotion import NEUTRAL, WEIGHTS, Emotion

FEELINGS: Final = (*WEIGHTS, NEUTRAL)
"""What every detector's dominant label is one of."""

SHADES: Final = {
    "joy": ("joy", "amusement", "excitement", "gratitude", "optimism", "relief", "pride", "admiration"),
    "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
    "anger": ("anger", "annoyance"),
    "fear": ("fear", "nervousness"),
    "surprise": ("surprise",),
    "disgust": ("disgust",),
    "love": ("love",),
    NEUTRAL: (NEUTRAL, "approval", "realization", "curiosity", "confusion", "disapproval", "caring", "desire"),
}
"""The chat mapping: which labels of GoEmotions are shades of which feeling. In a chat a question, a doubt or an
agreement is the ordinary tone of talking, so the last seven are neutral."""

VALENCE: Final = {
    "joy": 1.0, "love": 1.0, "caring": 0.5, "approval": 0.5,
    "sadness": -1.0, "anger": -1.0, "fear": -1.0, "disgust": -1.0, "disapproval": -0.5,
}  # fmt: skip
"""How pleasant a label is, -1..1. Shades of a feeling that is named here already are not counted again."""

MILD: Final = {"annoyance": "anger", "nervousness": "fear", "disappointment": "sadness", "embarrassment": "sadness"}
MILD_COUNTS: Final = 0.6
"""How strong a mild shade is, as a share of its feeling's full strength."""


def feelings(emotion: Emotion) -> dict[str, float]:
    """The probability of each of the eight feelings, in proportion to the confidence in the dominant one.

    What a detector of shares leaves over (keywords: one word of joy is a third of a joy) is neutral.
    """
    scale = emotion.confidence / (emotion.labels.get(emotion.dominant) or 1.0)
    found = {label: emotion.labels.get(label, 0.0) * scale for label in FEELINGS}
    if NEUTRAL not in emotion.labels:
        found[NEUTRAL] = max(0.0, 1.0 - sum(found.values()))
    return found


def valence(emotion: Emotion) -> float:
    """How pleasant it is, -1..1: the probability of the pleasant labels less that of the unpleasant ones."""
    found = {**emotion.labels, **feelings(emotion)}
    return round(max(-1.0, min(1.0, sum(found.get(label, 0.0) * sign for label, sign in VALENCE.items()))), 4)


def intensity(emotion: Emotion) -> float:
    """How strongly anything is felt, 0..1: the probability of the strongest feeling, its mild shades counting less."""
    found = feelings(emotion)
    return round(max(_strength(label, found[label], emotion.labels) for label in WEIGHTS), 4)


def _strength(feeling: str, probability: float, labels: Mapping[str, float]) -> float:
    mild = max((labels.get(shade, 0.0) for shade, of in MILD.items() if of == feeling), default=0.0)
    return probability - (1 - MILD_COUNTS) * min(mild, probability)
