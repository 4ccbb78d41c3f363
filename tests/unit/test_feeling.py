"""The emotional paragraph: what is said of a feeling, and when nothing is."""

import pytest

from domain.emotion import KEYWORDS, NEUTRAL, Emotion
from domain.feeling import CONFIDENT, MOMENT_CHARACTERS, RESPONSES, Moment, paragraph
from domain.manifest import render


def felt(label: str, confidence: float = 0.9) -> Emotion:
    return Emotion(labels={label: 1.0}, dominant=label, confidence=confidence)


def moment(version: int, text: str) -> Moment:
    return Moment(version=version, text=text, when="three days ago")


@pytest.mark.parametrize("emotion", [felt(NEUTRAL, 1.0), felt("joy", CONFIDENT), felt("joy", 0.1)])
def test_without_a_sure_feeling_nothing_is_said(emotion: Emotion):
    assert paragraph(emotion, [moment(4, "I was glad.")]) == ([], "")


def test_a_feeling_is_named_with_its_confidence_and_how_to_respond():
    segments, reads = paragraph(felt("sadness"), [])

    assert reads == (
        "\nThe last message reads as sadness (confidence 90%). Be gentle and present; comfort before advice."
    )
    assert segments == [{"text": reads}]


def test_every_feeling_of_the_keywords_has_its_advice():
    assert set(RESPONSES) == set(KEYWORDS)


def test_a_feeling_of_another_detector_has_advice_too():
    assert "Answer to the feeling as well as to the words." in paragraph(felt("remorse"), [])[1]


def test_past_moments_are_quoted_three_at_most():
    moments = [moment(version, f"moment {version}") for version in (4, 5, 6, 7)]

    segments, reads = paragraph(felt("joy"), moments)

    assert " Felt before: three days ago, “moment 4”; three days ago, “moment 5”; three days ago, “moment 6”" in reads
    assert [segment["of"] for segment in segments if "of" in segment] == [4, 5, 6]


def test_the_segments_render_to_what_was_counted_and_cut_long_moments():
    texts = {4: "I was glad. " * 20, 5: "So was I."}

    segments, reads = paragraph(felt("joy"), [moment(version, text) for version, text in texts.items()])

    (message,) = render([{"role": "system", "name": None, "part": "recall", "segments": segments}], texts)
    assert message["content"] == reads
    assert {"of": 4, "start": 0, "end": MOMENT_CHARACTERS} in segments
