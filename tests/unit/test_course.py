"""The order of what is in view, its sittings and neighbours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.course import PAUSE_SECONDS, Course

HOURS = 3600.0


def course(*hours: float, apart: int = 0) -> Course:
    """A document for each hour, the last ones apart."""
    return Course(np.arange(len(hours)), said=np.array(hours) * HOURS, known=len(hours) + 2, apart=apart)


def test_a_long_pause_ends_a_sitting() -> None:
    assert course(0, 1, 2, 24, 25).starts.tolist() == [0, 3]


def test_what_has_no_date_ends_none() -> None:
    assert course(0, np.nan, 1, 2).starts.tolist() == [0]


def test_what_lies_beside_the_path_is_a_sitting_of_its_own() -> None:
    assert course(0, 1, 2, 2, apart=2).starts.tolist() == [0, 2, 3]
    assert course(0, 0, apart=2).starts.tolist() == [0, 1]


def test_the_best_of_a_sitting_is_everybodys_in_it() -> None:
    values = np.array([1, 3, 2, 0], dtype=np.float32)

    assert course(0, 1, 24, 25).best_of_sitting(values).tolist() == [3, 3, 2, 2]


def test_the_message_before_is_of_the_same_sitting() -> None:
    values = np.array([1, 3, 2, 5], dtype=np.float32)

    assert course(0, 1, 24, 25).before(values).tolist() == [0, 1, 0, 2]


def test_documents_out_of_view_have_no_place() -> None:
    view = Course(np.array([4, 1]), said=np.zeros(2), known=6)

    assert view.places(np.array([1, 4, 5])).tolist() == [1, 0, -1]


def test_nothing_in_view_is_no_trouble() -> None:
    nothing = course()

    assert (len(nothing), nothing.starts.tolist()) == (0, [])
    assert nothing.best_of_sitting(np.zeros(0, dtype=np.float32)).tolist() == []
    assert nothing.before(np.zeros(0, dtype=np.float32)).tolist() == []
    assert nothing.sums(np.zeros(0, dtype=np.int32), 3).tolist() == []


@given(
    breaks=st.lists(st.booleans(), min_size=1, max_size=30),
    counts=st.lists(st.integers(min_value=1, max_value=9), min_size=30, max_size=30),
    reach=st.integers(min_value=1, max_value=4),
)
def test_neighbours_are_counted_within_the_sitting(breaks: list[bool], counts: list[int], reach: int) -> None:
    size = len(breaks)
    sitting = np.cumsum(breaks)
    view = Course(np.arange(size), said=sitting * (PAUSE_SECONDS + 1), known=size)
    values = np.array(counts[:size], dtype=np.int32)
    expected = [
        sum(counts[other] for other in range(size) if abs(other - place) <= reach and sitting[other] == sitting[place])
        for place in range(size)
    ]

    places, spread = view.spread(np.arange(size), values, reach)

    assert view.sums(values, reach).tolist() == expected
    assert (places.tolist(), spread.tolist()) == (list(range(size)), pytest.approx(expected))
