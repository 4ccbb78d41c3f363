"""The header `X-Heartline-Mode`."""

import pytest

from api.wire.mode import sent_mode
from domain.errors import InvalidRequest


@pytest.mark.parametrize("word", ["sync", "append", "stateless"])
def test_a_mode_is_one_of_three_words(word: str):
    assert sent_mode(f" {word.upper()} ") == word


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_without_one_it_is_guessed(nothing: str | None):
    assert sent_mode(nothing) is None


def test_another_word_is_refused_and_told():
    with pytest.raises(InvalidRequest, match=r"use sync, append or stateless"):
        sent_mode("merge")
