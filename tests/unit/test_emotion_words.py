"""What the emotion head counts in a text."""

from collections import Counter

import pytest

from api.adapters.emotion_words import BEGINNING, features, is_sarcastic, signs_only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good day", ["good", "^ good", "day", "good day"]),
        ("", []),
        ("   \n\t ", []),
        ("I\N{RIGHT SINGLE QUOTATION MARK}m fine", ["i'm", "^ i'm", "fine", "i'm fine"]),
        ("sooooo!!!!", ["soo", "^ soo", "!!"]),
        ("\N{FACE WITH TEARS OF JOY} <3", ["\U0001f602", "=sign:joy", "<3", "=sign:love"]),
        ("*sobs*", ["sobs", "^ sobs", "=sadness"]),
        ("a\U0001f680", ["a", "^ a", "\U0001f680"]),
        ("why\N{HORIZONTAL ELLIPSIS}", ["why", "^ why", ".."]),
        ("not sad", ["not", "^ not", "=not", "sad", "not sad", "=not:sadness", "not:sad"]),
    ],
)
def test_words_pairs_and_signs_are_features(text: str, expected: list[str]):
    assert list(features(text)) == expected


def test_words_that_a_negation_reaches_are_marked_up_to_the_end_of_the_clause():
    found = [feature for feature in features("not so happy now or ever, glad") if feature.startswith("not:")]

    assert found == ["not:so", "not:happy", "not:now"]
    assert "not:glad" not in features("not, glad")


def test_a_question_ends_what_a_negation_reaches():
    assert "not:glad" not in features("not? glad")


def test_a_text_in_capitals_says_so_and_one_word_of_them_does_not():
    assert "=caps" in features("LEAVE ME ALONE")
    assert "=caps" not in features("I saw NASA yesterday")
    assert "=caps" not in features("NO")


@pytest.mark.parametrize("text", ["```python\nhate = 1\n```", "`hate`", "https://hate.example/love", "```hate"])
def test_code_and_links_say_nothing(text: str):
    assert "hate" not in set(features(text))


def test_of_a_long_text_the_beginning_and_the_end_are_read():
    text = f"happy {'rain ' * BEGINNING} sad {'rain ' * BEGINNING} proud"

    found = set(features(text))

    assert {"happy", "proud"} <= found
    assert "sad" not in found


@pytest.mark.parametrize(
    "text",
    [
        "Nice work /s",
        "Oh great, rain.",
        "Yeah right.",
        "Thanks for nothing!",
        "Just what I needed",
        "How nice, late again",
    ],
)
def test_the_usual_markers_of_sarcasm_are_seen(text: str):
    assert is_sarcastic(text)


@pytest.mark.parametrize(
    "text", ["Great, thank you.", "I needed just that", "/status", "That is right", "Oh great to see you"]
)
def test_praise_without_a_marker_is_meant(text: str):
    assert not is_sarcastic(text)


def test_of_another_language_the_signs_are_left():
    counts = Counter(features("ich bin so traurig \N{CRYING FACE}!! xD"))

    assert set(signs_only(counts)) == {"\N{CRYING FACE}", "=sign:sadness", "!!", "=sign:joy"}
