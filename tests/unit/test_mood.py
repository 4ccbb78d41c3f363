"""The mood of a session: the readings in view, the latest counting most."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.affect import FEELINGS
from domain.emotion import NEUTRAL, Emotion
from domain.mood import REACH, Felt, mood, moods


def read(dominant: str, probability: float = 0.9, *, by_user: bool = True) -> Felt:
    labels = dict.fromkeys(FEELINGS, 0.0) | {NEUTRAL: round(1 - probability, 4)} | {dominant: probability}
    return Felt(emotion=Emotion(labels=labels, dominant=dominant, confidence=probability), by_user=by_user)


CALM = read(NEUTRAL)


def dominants(readings: Sequence[Felt]) -> list[str]:
    return [one.dominant for one in moods(readings)]


def test_nothing_read_is_no_mood():
    assert mood([]) is None


def test_after_one_reading_the_mood_is_that_reading():
    found = mood([read("joy")])

    assert found is not None
    assert (found.dominant, found.confidence, found.valence, found.intensity) == ("joy", 0.9, 0.9, 0.9)


def test_a_strong_feeling_turns_a_calm_mood_and_fades_while_nothing_is_felt():
    found = dominants([CALM] * 12 + [read("sadness")] * 2 + [CALM] * 12)

    assert found[11:15] == [NEUTRAL, "sadness", "sadness", "sadness"]
    assert found[-1] == NEUTRAL


def test_another_feeling_takes_the_place_of_the_one_before():
    assert dominants([read("anger"), read("joy"), read("joy")]) == ["anger", "joy", "joy"]


def test_what_the_assistant_says_counts_half():
    assert dominants([read("sadness"), read("joy", by_user=False)])[-1] == "sadness"


def test_valence_falls_and_rises_with_what_is_said():
    low, high = moods([read("anger"), read("joy")])

    assert low.valence < 0 < high.valence


FELT = st.builds(
    read,
    st.sampled_from(FEELINGS),
    st.floats(0.3, 1).map(lambda probability: round(probability, 4)),
    by_user=st.booleans(),
)


@given(st.lists(FELT, min_size=1, max_size=40))
def test_whatever_was_read_a_mood_is_made_of_probabilities(readings: list[Felt]):
    for found in moods(readings):
        assert all(0 <= probability <= 1 for probability in found.labels.values())
        assert found.labels[found.dominant] == found.confidence == max(found.labels.values())
        assert -1 <= found.valence <= 1
        assert 0 <= found.intensity <= 1


@given(st.lists(FELT, min_size=REACH, max_size=REACH), st.lists(FELT, max_size=40))
def test_what_lies_beyond_its_reach_is_not_seen_in_a_mood(late: list[Felt], early: list[Felt]):
    whole, tail = mood([*early, *late]), mood(late)

    assert whole is not None
    assert tail is not None
    assert whole.labels == pytest.approx(tail.labels, abs=1.1e-4)
