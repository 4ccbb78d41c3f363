"""Which elements of two sequences are the same."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import alignment
from domain.alignment import EXACT_CELLS, Pair, align

letters = st.text(alphabet="abcd", max_size=9)


def longest(first: str, second: str) -> int:
    """How long the longest common subsequence is, by the book."""
    row = [0] * (len(second) + 1)
    for one in first:
        above = row[:]
        for place, other in enumerate(second, start=1):
            row[place] = above[place - 1] + 1 if one == other else max(above[place], row[place - 1])
    return row[-1]


def ascending(pairs: list[Pair]) -> bool:
    return all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(pairs))


@given(letters, letters)
def test_as_much_is_aligned_as_can_be(first: str, second: str):
    pairs = align(first, second)

    assert ascending(pairs)
    assert all(first[i] == second[j] for i, j in pairs)
    assert len(pairs) == longest(first, second)


@pytest.mark.parametrize(
    ("first", "second", "pairs"),
    [
        ("abN", "abab", [(0, 2), (1, 3)]),
        ("ab", "abab", [(0, 2), (1, 3)]),
        ("xabyaz", "xab", [(0, 0), (1, 1), (2, 2)]),
        ("", "ab", []),
        ("ab", "", []),
        ("cd", "ab", []),
    ],
    ids=["latest of the path", "also where all matches", "what is said again is new", "", "no path", "nothing alike"],
)
def test_of_equally_long_alignments_one_is_taken(first: str, second: str, pairs: list[Pair]):
    assert align(first, second) == pairs


def numbered(count: int, *, but: int = 0) -> list[int]:
    """The numbers up to `count`, each `but`th another one; so many that the exact way is not taken."""
    assert count * count > EXACT_CELLS
    return [-number if but and number % but == 0 else number for number in range(1, count + 1)]


def test_long_sequences_are_aligned_by_what_stands_once_in_each():
    path = numbered(6000)
    said = [7, *numbered(6000, but=50), 7]

    assert align(said, path) == [
        (place, place - 1) for place, number in enumerate(said) if number > 0 and 0 < place < 6001
    ]


def test_long_sequences_in_which_all_stands_twice_are_aligned_from_their_end():
    path = [number // 2 for number in numbered(6000)]
    said = [*path[:3000], -1, *path[3000:], -2]

    pairs = align(said, path)

    assert ascending(pairs)
    assert len(pairs) > 5900


def test_between_what_stands_once_the_rest_is_aligned_too():
    path = [number if number % 3 else 0 for number in numbered(6000)]
    said = [number for number in path if number % 7]

    assert len(align(said, path)) == len(said)


def test_one_accidental_equal_far_away_does_not_cost_all_in_between():
    path = [0, *[1, 2] * 3000]
    said = [*[1, 2] * 3000, 0, 3]

    assert len(align(said, path)) == 6000


def test_shuffled_sequences_have_some_run_in_common():
    order = random.Random(7).sample(range(6000), 6000)

    pairs = align(order, range(6000))

    assert ascending(pairs)
    assert len(pairs) > 100


def test_few_elements_are_compared_exactly():
    assert alignment.EXACT_CELLS >= 4000 * 4000
