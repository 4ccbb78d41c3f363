"""The query form of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.question import query_form

NAMES = ["Anna", "Otto Brand"]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("When did Anna get the kitten?", "get the kitten?"),
        ("What's Otto's sister called?", "sister called?"),
        ("How many cats does Anna have?", "cats does have?"),
        ("Where do you think we will go?", "you think we will go?"),
        ("Anna and I will go.", "and I will go."),
        ("Will it rain, Otto Brand?", "it rain, ?"),
        ("I was in Leeds.", "I was in Leeds."),
        ("Annabel is here", "Annabel is here"),
        ("Anna?", "Anna?"),
        ("Who is it?", "it?"),
        ("Why?", "Why?"),
        ("", ""),
    ],
)
def test_the_form_leaves_out_names_and_what_a_question_begins_with(text: str, form: str) -> None:
    assert query_form(text, NAMES) == form


def test_without_names_only_the_beginning_goes() -> None:
    assert query_form("What did Anna say?", []) == "Anna say?"


@given(text=st.text(), names=st.lists(st.text(max_size=5), max_size=3))
def test_a_text_with_words_has_a_form_with_words(text: str, names: list[str]) -> None:
    form = query_form(text, names)

    assert form == text or any(letter.isalnum() or letter == "_" for letter in form)
