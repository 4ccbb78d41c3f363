"""Whether two texts are one message."""

import pytest

from domain.resemblance import Likeness, by_a_script, likeness, similarity

REPLY = "She turned it over. It had stopped at ten, or at twenty past."


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (REPLY, "  she TURNED it over.\nIt had stopped at ten,  or at twenty past. ", "same"),
        ("It is {{time}}.", "It is ten past nine.", "same"),
        ("{{user}}, it is {{time}}.", "Robin, it is late.", "same"),
        ("It is {{time}} and {{weather}} here.", "It is late here.", "similar"),
        ("{{char}}", "Something else", None),
        ("It is {{time}} o'clock.", "It was nine o'clock.", None),
        (REPLY, "She turned it", "cut"),
        (REPLY, REPLY + " She hummed.", "longer"),
        (REPLY, "She turned it over. It had stopped at noon, or at twenty past.", "similar"),
        (REPLY, "Closed.", None),
        (REPLY, "", None),
        ("", REPLY, None),
        ("", "", "same"),
    ],
)
def test_likeness(old: str, new: str, what: Likeness | None):
    assert likeness(old, new) == what


def test_similarity_counts_words_as_often_as_both_have_them():
    assert similarity("a a b", "a b b") == pytest.approx(2 / 3)
    assert similarity("", "") == 1.0


SAID = ["Mira sits.", "Who is Mira?", "Mira and Mira again."]


@pytest.mark.parametrize("other", ["Captain", "the keeper", "[her]"])
def test_the_same_words_put_for_the_same_others_thrice_are_a_script(other: str):
    pairs = [(text, text.replace("Mira", other)) for text in SAID]

    assert by_a_script(pairs) == [True] * 3
    assert by_a_script(pairs[:2]) == [False] * 2


def test_so_is_what_is_added_to_three_messages():
    assert by_a_script([(text, f"{text} (smiles)") for text in SAID]) == [True] * 3


def test_so_are_signs_that_are_taken_out():
    pairs = [(f"*{text}*", text) for text in SAID]

    assert by_a_script(pairs) == [True] * 3


def test_edits_are_none():
    pairs = [("It rains.", "It snows."), ("She left.", "She stayed."), ("At ten.", "At noon."), ("Same.", "Same.")]

    assert by_a_script(pairs) == [False] * 4


def test_a_word_that_is_not_all_the_difference_is_no_script():
    pairs = [("Mira sits here.", f"Captain sits {place}.") for place in ("down", "up", "in")]

    assert by_a_script(pairs) == [False] * 3
