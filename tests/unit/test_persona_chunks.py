"""Chunks of instructions: they cover the text, overlap, and end where sentences do."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.persona import CHUNK_CHARACTERS, OVERLAP_CHARACTERS, chunks

prose = st.lists(
    st.sampled_from(["Mira", "likes", "tea.", "She", "sings!", '"Why?"', "x" * 60, "y" * 250, "\n", "…", "  "]),
    max_size=120,
).map(" ".join)


def read(text: str) -> list[str]:
    return [text[chunk.start : chunk.end] for chunk in chunks(text)]


def test_no_text_has_no_chunks():
    assert chunks("") == []


def test_a_short_text_is_one_chunk():
    assert read("Mira likes tea.") == ["Mira likes tea."]


def test_a_text_of_exactly_the_limit_is_one_chunk():
    assert len(chunks("x" * CHUNK_CHARACTERS)) == 1


def test_chunks_end_on_sentence_ends():
    text = "Mira likes tea and sings all day long in the old harbour. " * 10

    assert all(piece.rstrip().endswith("harbour.") for piece in read(text))


@pytest.mark.parametrize("end", [".", "!", "?", "…", '."', ".)", ".\N{RIGHT DOUBLE QUOTATION MARK}", "\n"])
def test_what_ends_a_sentence(end: str):
    text = "x" * 120 + end + " " + "y" * 120

    assert read(text)[0] == "x" * 120 + end


def test_a_point_inside_a_word_ends_no_sentence():
    text = "x" * 120 + ".5 " + "y" * 120

    assert read(text)[0] == "x" * 120 + ".5 "


def test_without_sentences_chunks_begin_and_end_between_words():
    text = "word " * 100

    assert all(piece.startswith("word") and piece.endswith("word ") for piece in read(text))


def test_without_words_chunks_overlap_by_the_whole_overlap():
    first, second = chunks("x" * 350)

    assert (first.end, second.start) == (CHUNK_CHARACTERS, CHUNK_CHARACTERS - OVERLAP_CHARACTERS)


def test_an_overlap_remains_where_a_long_word_ends_the_chunk():
    text = "a" * 130 + " " + "b" * 60 + " " + "c" * 100

    first, second = chunks(text)[:2]

    assert second.start < first.end


@given(prose | st.text(max_size=900))
@example("x" * 99 + " " + "x" * 101)
def test_chunks_cover_the_text_and_overlap(text: str):
    pieces = chunks(text)

    assert all(0 < piece.end - piece.start <= CHUNK_CHARACTERS for piece in pieces)
    assert [piece.start for piece in pieces[:1]] == [0] * bool(text)
    assert [piece.end for piece in pieces[-1:]] == [len(text)] * bool(text)
    for before, after in pairwise(pieces):
        assert before.start < after.start < before.end < after.end
        assert before.end - after.start <= OVERLAP_CHARACTERS
