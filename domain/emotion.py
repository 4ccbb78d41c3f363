"""Emotion of a text: the keyword detector of the original design, and how much a message matters.

Pure: no model is needed. Other detectors give the same `Emotion` with labels of their own.
"""

import re
from dataclasses import dataclass
from typing import Final

NEUTRAL: Final = "neutral"

KEYWORDS: Final = {
    "joy": (
        "happy happily happiness glad joy joyful delighted excited exciting thrilled wonderful fantastic amazing great "
        "awesome cheerful laugh laughed laughing smile smiled smiles smiling yay fun enjoy enjoyed proud 😀 😄 😊 🎉"
    ),
    "sadness": (
        "sad sadly sadness unhappy cry cried crying tears grief grieve lonely alone miss missed heartbroken depressed "
        "miserable hopeless sorrow sorry lost mourning 😢 😭 😞"
    ),
    "anger": (
        "angry anger furious rage mad annoyed annoying hate hated irritated outraged frustrated frustrating resent "
        "unfair 😠 😡"
    ),
    "fear": (
        "afraid fear fears scared scary terrified terrifying frightened worry worried worries anxious anxiety nervous "
        "panic dread horror 😨 😱"
    ),
    "surprise": (
        "surprise surprised surprising wow astonished astonishing unexpected unexpectedly shocked shocking incredible "
        "unbelievable suddenly 😮 😲"
    ),
    "disgust": "disgust disgusted disgusting gross nasty revolting sick sickening vile yuck ew repulsive 🤢 🤮",
    "love": (
        "love loved loves loving adore adored darling dear sweetheart beloved affection cherish cherished hug hugged "
        "kiss kissed ❤ 😍 🥰"
    ),
}

WEIGHTS: Final = {
    "joy": 0.8, "sadness": 0.9, "anger": 0.9, "fear": 0.9, "surprise": 0.7, "disgust": 0.7, "love": 1.0,
}  # fmt: skip
"""How much each feeling makes a message matter, 0..1."""

_LABEL_OF: Final = {word: label for label, words in KEYWORDS.items() for word in words.split()}
_NEGATIONS: Final = re.compile(
    r"no|not|never|nor|neither|nobody|nothing|hardly|without|cannot|\w+n't|(?:is|was|do|does|did|ca|could|wo|would)nt"
)
_NEGATION_REACH: Final = 3
_TOKEN: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[\U0001F300-\U0001FAFF❤]|[.!?;:,…\n]")
_CLAUSE_ENDS: Final = frozenset(".!?;:,…\n")
_FIRST_PERSON: Final = frozenset(("i", "me", "my", "mine", "myself", "i'm", "i've", "i'd", "i'll"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Emotion:
    """Probabilities per label (0..1), the dominant label and the confidence in it (0..1)."""

    labels: dict[str, float]
    dominant: str
    confidence: float


class KeywordDetector:
    """Counts words of feeling, those a negation reaches left out. Confidence is `min(count / 3, 1)` of the dominant."""

    name = "keywords:1"

    def detect(self, text: str, encoding: object = None) -> Emotion:
        """The feeling with most words in the text; neutral when there is none. `encoding` is not needed."""
        counts = _count_keywords(text)
        if not counts:
            return Emotion(labels={NEUTRAL: 1.0}, dominant=NEUTRAL, confidence=1.0)
        total = sum(counts.values())
        dominant = max(counts, key=lambda label: counts[label])
        labels = {label: round(count / total, 4) for label, count in counts.items()}
        return Emotion(labels=labels, dominant=dominant, confidence=round(min(counts[dominant] / 3, 1.0), 4))


def _count_keywords(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    reach = 0
    for match in _TOKEN.finditer(_plain(text)):
        word = match.group()
        if _NEGATIONS.fullmatch(word):
            reach = _NEGATION_REACH
        elif word in _CLAUSE_ENDS:
            reach = 0
        elif reach:
            reach -= 1
        elif label := _LABEL_OF.get(word):
            counts[label] = counts.get(label, 0) + 1
    return counts


def _plain(text: str) -> str:
    """Lower case, with the typewriter's apostrophe."""
    return text.lower().replace("\u2019", "'")


def importance(text: str, emotion: Emotion) -> float:
    """How much a message matters, 0..1: the original design's formula, the sum of its parts."""
    return round(min(sum(importance_parts(text, emotion).values()), 1.0), 4)


def importance_parts(text: str, emotion: Emotion) -> dict[str, float]:
    """What each part adds: 0.5 in any case, confidence * weight * 0.3 of a feeling, 0.15 for more than 200 characters,
    0.1 per `?` up to 0.15, 0.05 per `!` up to 0.1, 0.05 per first-person pronoun up to 0.1."""
    first_person = sum(word in _FIRST_PERSON for word in _TOKEN.findall(_plain(text)))
    felt = 0.0 if emotion.dominant == NEUTRAL else emotion.confidence * WEIGHTS.get(emotion.dominant, 0.8) * 0.3
    parts = {
        "any": 0.5,
        "feeling": felt,
        "length": 0.15 if len(text) > 200 else 0.0,
        "questions": min(0.1 * text.count("?"), 0.15),
        "exclamations": min(0.05 * text.count("!"), 0.1),
        "first_person": min(0.05 * first_person, 0.1),
    }
    return {name: round(added, 6) for name, added in parts.items()}
