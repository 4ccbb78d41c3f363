"""The emotional paragraph of a context: what is felt, how surely, how to respond, and when it was felt before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.emotion import NEUTRAL, Emotion
from domain.records import Segment

CONFIDENT: Final = 0.6
"""Confidence that must be passed before the model is told of a feeling."""

MOMENTS: Final = 3
MOMENT_CHARACTERS: Final = 80

RESPONSES: Final = {
    "joy": "Share the joy and build on it.",
    "sadness": "Be gentle and present; comfort before advice.",
    "anger": "Stay calm, take it seriously and do not argue against the feeling.",
    "fear": "Reassure, be concrete about what is safe, and do not make it bigger.",
    "surprise": "Take up what is new and explore it together.",
    "disgust": "Respect the aversion and do not dwell on what caused it.",
    "love": "Receive the affection warmly and answer it in kind.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A message of the past in which the same was felt."""

    version: int
    text: str
    when: str


def paragraph(emotion: Emotion, moments: Sequence[Moment]) -> tuple[list[Segment], str]:
    """The paragraph as segments and as it reads; both empty when the feeling is neutral or not sure enough."""
    if emotion.dominant == NEUTRAL or emotion.confidence <= CONFIDENT:
        return [], ""
    advice = RESPONSES.get(emotion.dominant, "Answer to the feeling as well as to the words.")
    opening = f"\nThe last message reads as {emotion.dominant} (confidence {emotion.confidence:.0%}). {advice}"
    segments: list[Segment] = [{"text": opening}]
    read = opening
    for place, moment in enumerate(moments[:MOMENTS]):
        lead = f"{' Felt before: ' if place == 0 else '; '}{moment.when}, \N{LEFT DOUBLE QUOTATION MARK}"
        quoted = moment.text[:MOMENT_CHARACTERS]
        close = "\N{RIGHT DOUBLE QUOTATION MARK}"
        segments.append({"text": lead})
        segments.append({"of": moment.version, "start": 0, "end": len(quoted)})
        segments.append({"text": close})
        read += f"{lead}{quoted}{close}"
    return segments, read
