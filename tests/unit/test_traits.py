"""The marks of an answer in a text."""

from datetime import date

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.traits import ASKS, NUMBER, QUESTION, QUOTES, TIME, Traits, traits

DAY = date(2023, 5, 25).toordinal()


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("It rains.", 0),
        ("Does it rain?", ASKS | QUESTION),
        ("Does it rain? It does.", QUESTION),
        ("I have two cats", NUMBER),
        ("Room 42", NUMBER),
        ("See you tomorrow", TIME),
        ('She calls it "The Long Way"', QUOTES),
        ("She calls it \N{LEFT DOUBLE QUOTATION MARK}Home\N{RIGHT DOUBLE QUOTATION MARK}", QUOTES),
        ("Twice last week?", ASKS | QUESTION | NUMBER | TIME),
    ],
)
def test_a_text_shows_what_it_could_be_an_answer_to(text: str, marks: int) -> None:
    assert traits(text, DAY).marks == marks


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The cat is called Pepper", 1),
        ("I think I\N{RIGHT SINGLE QUOTATION MARK}m fine. Really, I'd say so.", 0),
        ("We met Anna, Otto, Maya and Robin in Leeds", 3),
        ("Paris", 0),
        ("it was in paris", 0),
    ],
)
def test_names_are_capitalised_words_inside_a_sentence(text: str, names: int) -> None:
    assert traits(text, DAY).names == names


def test_a_text_without_a_date_names_no_days() -> None:
    assert traits("I saw her yesterday", None).days == ()
    assert len(traits("I saw her yesterday", DAY).days) == 1


def test_only_the_beginning_of_a_very_long_text_is_looked_at() -> None:
    assert traits("word " * 100_000 + "yesterday, 42?", DAY) == Traits(words=1600)


@given(text=st.text(), day=st.none() | st.integers(min_value=1, max_value=3_000_000))
def test_traits_are_the_same_when_they_come_back_from_where_they_are_kept(text: str, day: int | None) -> None:
    found = traits(text, day)

    assert Traits.unpacked(orjson.loads(orjson.dumps(found.packed()))) == found
