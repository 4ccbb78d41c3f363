"""The keyword detector: words of feeling, less those a negation reaches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.emotion import KEYWORDS, NEUTRAL, WEIGHTS, KeywordDetector

DETECTOR = KeywordDetector()


def feeling(text: str) -> str:
    return DETECTOR.detect(text).dominant


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("What a wonderful day!", "joy"),
        ("I cried all night, I feel so lonely.", "sadness"),
        ("You make me FURIOUS.", "anger"),
        ("I'm scared of the dark.", "fear"),
        ("Wow, how unexpected.", "surprise"),
        ("That is gross.", "disgust"),
        ("I adore you ❤️", "love"),
        ("😢", "sadness"),
        ("The train leaves at nine.", NEUTRAL),
        ("", NEUTRAL),
        ("Shadow, badger, gladiator", NEUTRAL),
    ],
)
def test_words_of_feeling_are_found(text: str, label: str):
    assert feeling(text) == label


@pytest.mark.parametrize(
    "text",
    [
        "I am not happy",
        "I'm not at all happy",
        "I don\N{RIGHT SINGLE QUOTATION MARK}t love it",
        "I DON'T enjoy this",
        "It isnt fun",
        "I cannot enjoy this",
        "without any joy",
        "Nothing is fun here",
        "neither happy",
        "never been happy",
    ],
)
def test_a_negated_feeling_is_not_felt(text: str):
    assert feeling(text) == NEUTRAL


@pytest.mark.parametrize(
    "text",
    [
        "No, I am happy",
        "Not today. Happy now",
        "No\nI love it and am happy, so happy",
        "No\N{HORIZONTAL ELLIPSIS} happy",
        "It was not so that I'm happy",
        "I know I'm happy",
    ],
)
def test_a_negation_reaches_three_words_and_ends_with_its_clause(text: str):
    assert feeling(text) == "joy"


def test_confidence_grows_with_the_words_up_to_three():
    confidences = [DETECTOR.detect(" ".join(["happy"] * count)).confidence for count in (1, 2, 3, 4)]

    assert confidences == [0.3333, 0.6667, 1.0, 1.0]


def test_no_feeling_is_certainly_neutral():
    emotion = DETECTOR.detect("The train leaves at nine.")

    assert (emotion.labels, emotion.confidence) == ({NEUTRAL: 1.0}, 1.0)


def test_labels_share_by_their_words():
    emotion = DETECTOR.detect("Happy and glad, but afraid and sad and joyful")

    assert emotion.labels == {"joy": 0.6, "fear": 0.2, "sadness": 0.2}
    assert (emotion.dominant, emotion.confidence) == ("joy", 1.0)


def test_among_equals_the_feeling_named_first_dominates():
    assert feeling("afraid but happy") == "fear"
    assert feeling("happy but afraid") == "joy"


@pytest.mark.parametrize("word", [word for words in KEYWORDS.values() for word in words.split()])
def test_every_keyword_is_found_in_a_sentence(word: str):
    assert feeling(f"And then: {word.capitalize()}!") != NEUTRAL


def test_no_keyword_belongs_to_two_feelings():
    words = [word for words in KEYWORDS.values() for word in words.split()]

    assert len(words) == len(set(words))


def test_every_feeling_has_a_weight():
    assert WEIGHTS.keys() == KEYWORDS.keys()


@given(st.text() | st.lists(st.sampled_from(["happy", "sad", "not", ".", "afraid", "😡", "train"])).map(" ".join))
def test_whatever_is_read_the_answer_is_sound(text: str):
    emotion = DETECTOR.detect(text)

    assert emotion.labels[emotion.dominant] == max(emotion.labels.values())
    assert abs(sum(emotion.labels.values()) - 1) < 0.001
    assert 0 < emotion.confidence <= 1
    assert set(emotion.labels) <= {*KEYWORDS, NEUTRAL}
