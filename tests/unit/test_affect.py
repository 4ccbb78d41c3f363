"""What labels mean: the eight feelings, how pleasant and how strong they are."""

import pytest

from domain.affect import FEELINGS, MILD, SHADES, VALENCE, feelings, intensity, valence
from domain.emotion import KEYWORDS, NEUTRAL, Emotion, KeywordDetector

CALM = Emotion(labels={NEUTRAL: 1.0}, dominant=NEUTRAL, confidence=1.0)


def felt(dominant: str, **labels: float) -> Emotion:
    return Emotion(labels=labels, dominant=dominant, confidence=labels[dominant])


def test_the_feelings_are_those_of_the_keywords_and_neutral():
    assert set(FEELINGS) == {*KEYWORDS, NEUTRAL} == set(SHADES)


def test_each_label_of_goemotions_is_a_shade_of_one_feeling():
    shades = [shade for group in SHADES.values() for shade in group]

    assert len(shades) == len(set(shades)) == 28
    assert set(MILD) | set(VALENCE) <= set(shades)


def test_one_word_of_joy_is_a_third_of_a_joy_and_neutral_for_the_rest():
    found = feelings(KeywordDetector().detect("How glad they were."))

    assert (round(found["joy"], 2), round(found[NEUTRAL], 2)) == (0.33, 0.67)


def test_probabilities_of_a_detector_stay_what_they_are():
    found = feelings(felt("joy", joy=0.7, love=0.2, neutral=0.15, gratitude=0.6))

    assert (found["joy"], found["love"], found[NEUTRAL], found["anger"]) == (0.7, 0.2, 0.15, 0.0)
    assert "gratitude" not in found


@pytest.mark.parametrize(
    ("emotion", "expected"),
    [
        (CALM, 0.0),
        (felt("joy", joy=0.9, neutral=0.1, gratitude=0.9), 0.9),
        (felt("sadness", sadness=0.6, love=0.2, neutral=0.2), -0.4),
        (felt("neutral", neutral=0.5, disapproval=0.4), -0.2),
        (felt("joy", joy=0.9, love=0.9, neutral=0.0), 1.0),
        (felt("anger", anger=0.9, sadness=0.9, neutral=0.0), -1.0),
    ],
)
def test_valence_is_what_is_pleasant_less_what_is_not(emotion: Emotion, expected: float):
    assert valence(emotion) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("emotion", "expected"),
    [
        (CALM, 0.0),
        (felt("anger", anger=0.9, neutral=0.1), 0.9),
        (felt("anger", anger=0.9, neutral=0.1, annoyance=0.9), 0.54),
        (felt("anger", anger=0.9, neutral=0.1, annoyance=0.3), 0.78),
        (felt("neutral", neutral=0.7, fear=0.2), 0.2),
    ],
)
def test_intensity_is_the_strongest_feeling_and_mild_shades_count_less(emotion: Emotion, expected: float):
    assert intensity(emotion) == pytest.approx(expected)
