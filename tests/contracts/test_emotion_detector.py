"""The contract of EmotionDetector, kept by the keywords, by the head on the layers, and by its words alone."""

import asyncio
import math
from collections.abc import Callable, Mapping

import pytest

from api.adapters.emotion_head import Head, load_head
from api.adapters.goemotions import GoEmotionsDetector, GoEmotionsWords
from api.adapters.minilm import MiniLmEncoder
from api.ports import EmotionDetector, Encoding
from domain.affect import FEELINGS, intensity, valence
from domain.emotion import NEUTRAL, WEIGHTS, Emotion, KeywordDetector, importance

SAMPLES = {
    "glad": "I am so happy, what a wonderful day, I'm delighted!",
    "sad": "I am so sad and lonely, I cried all night.",
    "plain": "The library closes at eight on weekdays.",
    "empty": "",
    "white space": " \n\t  ",
    "emoji": "\N{FACE WITH TEARS OF JOY}\N{LOUDLY CRYING FACE}\N{SMILING FACE WITH HEART-SHAPED EYES}",
    "code": "```python\nfor hate in range(10):\n    print(hate)\n```",
    "marks": "?!?!?! ... ---",
    "numbers": "1234 5678",
    "mixed scripts": "I love \u5bff\u53f8 and \u0431\u043e\u0440\u0449, \u0645\u0631\u062d\u0628\u0627!",
    "surrogate": "\ud83d sad",
    "zero": "\x00\u200b\ufeff",
    "long": "The river runs on. " * 5300,
    "one word": "x" * 100_000,
}

Encodings = Mapping[str, Encoding]


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head()


@pytest.fixture(scope="module")
def encodings() -> Encodings:
    async def encode() -> list[Encoding]:
        encoder = MiniLmEncoder()
        try:
            return await encoder.encode(list(SAMPLES.values()))
        finally:
            await encoder.close()

    return dict(zip(SAMPLES, asyncio.run(encode()), strict=True))


@pytest.fixture(params=["keywords", "goemotions", "goemotions-words"])
def detector(request: pytest.FixtureRequest, head: Head) -> EmotionDetector:
    made: dict[str, Callable[[], EmotionDetector]] = {
        "keywords": KeywordDetector,
        "goemotions": lambda: GoEmotionsDetector(head),
        "goemotions-words": lambda: GoEmotionsWords(head),
    }
    return made[request.param]()


def sound(emotion: Emotion) -> bool:
    numbers = [*emotion.labels.values(), emotion.confidence]
    return all(math.isfinite(number) and 0 <= number <= 1 for number in numbers)


def test_its_name_carries_a_version(detector: EmotionDetector) -> None:
    name, _, version = detector.name.partition(":")

    assert name
    assert version


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("sample", SAMPLES)
def test_whatever_is_read_the_answer_is_sound(
    detector: EmotionDetector, encodings: Encodings, sample: str, *, encoded: bool
) -> None:
    text = SAMPLES[sample]

    emotion = detector.detect(text, encodings[sample] if encoded else None)

    assert sound(emotion)
    assert emotion.dominant in FEELINGS
    others = [emotion.labels.get(feeling, 0.0) for feeling in WEIGHTS]
    assert emotion.labels[emotion.dominant] >= max(*others, 0.8 * emotion.labels.get(NEUTRAL, 0.0)) * 0.999
    assert -1 <= valence(emotion) <= 1
    assert 0 <= intensity(emotion) <= 1
    assert 0.5 <= importance(text, emotion) <= 1


def test_plain_feelings_are_told_apart(detector: EmotionDetector, encodings: Encodings) -> None:
    said = {name: detector.detect(SAMPLES[name], encodings[name]).dominant for name in ("glad", "sad", "plain")}

    assert said == {"glad": "joy", "sad": "sadness", "plain": NEUTRAL}


@pytest.mark.parametrize("sample", ["empty", "white space", "numbers", "zero"])
def test_where_nothing_is_said_nothing_is_felt(detector: EmotionDetector, encodings: Encodings, sample: str) -> None:
    assert detector.detect(SAMPLES[sample], encodings[sample]).dominant == NEUTRAL


def test_the_same_text_has_the_same_answer(detector: EmotionDetector, encodings: Encodings) -> None:
    first, second = (detector.detect(SAMPLES["sad"], encodings["sad"]) for _ in range(2))

    assert first == second
