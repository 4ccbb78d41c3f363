"""The mood of a session: what was read in the messages in view, the latest counting most.

    readings in the path's order -> moods(...) -> the mood after each of them

Pure. A mood is a weighted mean of readings: a message back counts `DECAY` of what the one behind it counts, one that
says little moves little, and what the assistant says counts half. What is not in view is not in the readings.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from domain.affect import FEELINGS, feelings, intensity, valence
from domain.emotion import Emotion

DECAY: Final = 0.65
"""What a message still counts when the next one is there."""

CALM_COUNTS: Final = 0.05
"""What a message without any feeling counts beside one that is full of it."""

OTHERS_COUNT: Final = 0.5
"""What a message counts that is not the user's."""

REACH: Final = 40
"""Messages back that can still be seen in a mood's four decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """Probabilities of the eight feelings, the dominant one and its probability; valence -1..1, intensity 0..1."""

    labels: dict[str, float]
    dominant: str
    confidence: float
    valence: float
    intensity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """A reading of a message in view, and whether that is the user's."""

    emotion: Emotion
    by_user: bool


def moods(readings: Iterable[Felt]) -> Iterator[Mood]:
    """The mood after each reading, from the oldest on."""
    sums = dict.fromkeys((*FEELINGS, "valence", "intensity"), 0.0)
    total = 0.0
    for felt in readings:
        strength = intensity(felt.emotion)
        weight = (CALM_COUNTS + (1 - CALM_COUNTS) * strength) * (1.0 if felt.by_user else OTHERS_COUNT)
        read = {**feelings(felt.emotion), "valence": valence(felt.emotion), "intensity": strength}
        sums = {name: known * DECAY + read[name] * weight for name, known in sums.items()}
        total = total * DECAY + weight
        yield _mood({name: round(summed / total, 4) for name, summed in sums.items()})


def mood(readings: Iterable[Felt]) -> Mood | None:
    """The mood after the last reading; None when there is none."""
    every = list(moods(readings))
    return every[-1] if every else None


def _mood(means: dict[str, float]) -> Mood:
    labels = {label: means[label] for label in FEELINGS}
    dominant = max(FEELINGS, key=lambda label: labels[label])
    return Mood(
        labels=labels,
        dominant=dominant,
        confidence=labels[dominant],
        valence=means["valence"],
        intensity=means["intensity"],
    )
