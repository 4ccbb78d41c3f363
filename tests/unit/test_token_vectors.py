"""Token vectors: small, and near enough to what they were made from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.token_vectors import DIMENSIONS, MOST_TOKENS, TokenVectors, projection

WIDTH = 384


def states(count: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)


@given(count=st.integers(min_value=0, max_value=20), seed=st.integers(min_value=0, max_value=99))
def test_what_was_packed_comes_back(count: int, seed: int) -> None:
    tokens = projection().reduce(np.arange(count) + 1000, states(count, seed))

    again = TokenVectors.unpacked(tokens.packed())

    assert again.pieces.tolist() == tokens.pieces.tolist()
    assert again.vectors.tolist() == tokens.vectors.tolist()
    assert len(tokens.packed()) == len(tokens) * (DIMENSIONS + 2)


def test_a_vector_keeps_its_direction() -> None:
    full = states(50) @ projection().matrix
    small = projection().reduce(np.arange(50), states(50)).vectors.astype(np.float32)

    cosines = (full * small).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(small, axis=1)

    assert cosines.min() > 0.999


def test_a_text_without_word_pieces_has_one_token_that_resembles_nothing() -> None:
    nothing = projection().reduce(np.zeros(0, np.int32), np.zeros((0, WIDTH), np.float32))

    assert (nothing.pieces.tolist(), nothing.vectors.any()) == ([0], False)


def test_only_the_first_tokens_of_a_long_text_are_kept() -> None:
    assert len(projection().reduce(np.arange(MOST_TOKENS + 9), states(MOST_TOKENS + 9))) == MOST_TOKENS


def test_what_is_cut_off_cannot_be_unpacked() -> None:
    with pytest.raises(ValueError, match="no token vectors"):
        TokenVectors.unpacked(b"cut off")


def test_the_projection_is_named_by_what_is_in_it() -> None:
    assert projection().name.startswith("tokens64x128:")
    assert projection().matrix.shape == (WIDTH, DIMENSIONS)
    assert np.allclose(projection().matrix.T @ projection().matrix, np.eye(DIMENSIONS), atol=0.01)
