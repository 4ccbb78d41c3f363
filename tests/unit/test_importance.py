"""How much a message matters: each part of the original design's formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.emotion import KEYWORDS, NEUTRAL, Emotion, importance

CALM = Emotion(labels={NEUTRAL: 1.0}, dominant=NEUTRAL, confidence=1.0)


def felt(label: str, confidence: float = 1.0) -> Emotion:
    return Emotion(labels={label: 1.0}, dominant=label, confidence=confidence)


def test_a_plain_statement_matters_half():
    assert importance("The train leaves at nine.", CALM) == 0.5


@pytest.mark.parametrize(
    ("emotion", "expected"),
    [
        (felt("love"), 0.8),
        (felt("love", 0.5), 0.65),
        (felt("sadness"), 0.77),
        (felt("joy"), 0.74),
        (felt("surprise"), 0.71),
        (felt("remorse"), 0.74),
    ],
)
def test_a_feeling_adds_its_weight_by_confidence(emotion: Emotion, expected: float):
    assert importance("The train leaves at nine.", emotion) == expected


@pytest.mark.parametrize(("length", "expected"), [(200, 0.5), (201, 0.65)])
def test_a_long_text_matters_more(length: int, expected: float):
    assert importance("x" * length, CALM) == expected


@pytest.mark.parametrize(("text", "expected"), [("Why?", 0.6), ("Why? When?", 0.65), ("Why???", 0.65)])
def test_questions_add_up_to_their_limit(text: str, expected: float):
    assert importance(text, CALM) == expected


@pytest.mark.parametrize(("text", "expected"), [("Go!", 0.55), ("Go! Go!", 0.6), ("Go!!!", 0.6)])
def test_exclamations_add_up_to_their_limit(text: str, expected: float):
    assert importance(text, CALM) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I left.", 0.55),
        ("I lost my keys.", 0.6),
        ("I lost my keys myself.", 0.6),
        ("I'm here.", 0.55),
        ("I\N{RIGHT SINGLE QUOTATION MARK}ve been here.", 0.55),
        ("'I left,' she said.", 0.55),
        ("It is in the mine.", 0.55),
        ("Immediately, in time.", 0.5),
    ],
)
def test_the_first_person_adds_up_to_its_limit(text: str, expected: float):
    assert importance(text, CALM) == expected


def test_nothing_matters_more_than_one():
    assert importance("I love you! My love! " * 20 + "Do you? Do you?", felt("love")) == 1.0


@given(st.text(max_size=400), st.sampled_from([*KEYWORDS, NEUTRAL]), st.floats(0, 1))
def test_importance_lies_between_a_half_and_one(text: str, label: str, confidence: float):
    assert 0.5 <= importance(text, felt(label, confidence)) <= 1.0
