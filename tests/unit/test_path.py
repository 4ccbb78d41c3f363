"""The path: ranges, splices, and the difference of two paths."""

import hashlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.path import Range, Splice, apply_splices, difference, digest, fault_in, from_ranges, splice, to_ranges

versions = st.integers(min_value=1, max_value=60)
paths = st.lists(versions, max_size=30, unique=True)


@st.composite
def hunks(draw: st.DrawFn) -> tuple[list[int], list[Splice]]:
    """A path, and splices that suit it: each removes some of what stands there and puts new versions in its place."""
    path = draw(paths)
    splices: list[Splice] = []
    reached, fresh = 0, 100
    while reached <= len(path) and draw(st.booleans()):
        at = draw(st.integers(reached, len(path)))
        end = draw(st.integers(at, len(path)))
        count = draw(st.integers(0, 3))
        splices.append(splice(at, path[at:end], range(fresh, fresh + count)))
        reached, fresh = end + 1, fresh + count
    return path, splices


def test_ranges_name_runs_of_consecutive_versions():
    assert to_ranges([3, 4, 5, 9]) == [[3, 5], [9, 9]]


def test_ranges_keep_an_order_that_is_not_ascending():
    assert to_ranges([5, 4, 4, 5]) == [[5, 5], [4, 4], [4, 5]]


@given(st.lists(versions))
def test_ranges_name_the_versions_they_were_made_of(some: list[int]):
    assert from_ranges(to_ranges(some)) == some


@given(paths, paths)
def test_the_difference_leads_from_one_path_to_the_other(before: list[int], after: list[int]):
    splices = difference(before, after)

    assert fault_in(before, splices) is None
    assert list(apply_splices(before, splices)) == after


@given(paths)
def test_a_path_does_not_differ_from_itself(path: list[int]):
    assert difference(path, array("q", path)) == []


@given(paths, paths, paths, paths)
def test_the_difference_leaves_alone_what_is_common_at_both_ends(
    head: list[int], out: list[int], into: list[int], tail: list[int]
):
    before, after = [*head, 1000, *out, *tail], [*head, 2000, *into, *tail]

    (only,) = difference(before, after)

    assert only["at"] == len(head)
    assert len(from_ranges(only["out"])) <= 1 + len(out)
    assert len(from_ranges(only["in"])) <= 1 + len(into)


def test_splices_count_in_the_path_as_it_was_before():
    assert list(apply_splices([2, 3, 4, 5], [splice(0, [2], []), splice(2, [4], [7, 8])])) == [3, 7, 8, 5]


@given(hunks())
def test_splices_that_suit_the_path_are_applied_like_a_diff(case: tuple[list[int], list[Splice]]):
    path, splices = case
    expected: list[int] = []
    reached = 0
    for hunk in splices:
        expected += [*path[reached : hunk["at"]], *from_ranges(hunk["in"])]
        reached = hunk["at"] + len(from_ranges(hunk["out"]))
    expected += path[reached:]

    assert fault_in(path, splices) is None
    assert list(apply_splices(path, splices)) == expected


@given(hunks())
def test_applying_splices_leaves_the_old_path_as_it_was(case: tuple[list[int], list[Splice]]):
    path, splices = case
    before = array("q", path)

    apply_splices(before, splices)

    assert list(before) == path


@pytest.mark.parametrize(
    ("splices", "complaint"),
    [
        ([splice(-1, [], [9])], "overlaps"),
        ([splice(4, [], [9])], "reaches beyond"),
        ([splice(2, [4, 5], [])], "reaches beyond"),
        ([splice(1, [3, 4], []), splice(2, [4], [])], "overlaps"),
        ([splice(2, [4], []), splice(0, [2], [])], "overlaps"),
        ([splice(0, [3], [])], "do not stand there"),
        ([splice(0, [3, 2], [])], "do not stand there"),
        ([splice(3, [], [2])], "twice"),
        ([splice(0, [], [9]), splice(3, [], [9])], "twice"),
    ],
)
def test_what_is_wrong_with_splices_is_said(splices: list[Splice], complaint: str):
    fault = fault_in([2, 3, 4], splices)

    assert fault is not None
    assert complaint in fault


@pytest.mark.parametrize("splices", [[], [splice(3, [], [9])], [splice(0, [2], [3]), splice(1, [3], [2])]])
def test_with_other_splices_nothing_is_wrong(splices: list[Splice]):
    assert fault_in([2, 3, 4], splices) is None


@given(hunks(), st.data())
def test_splices_with_a_version_that_does_not_stand_there_are_refused(
    case: tuple[list[int], list[Splice]], data: st.DataObject
):
    path, splices = case
    at = data.draw(st.integers(0, len(path)))
    stranger: list[Range] = [[999, 999]]

    assert fault_in(path, [*splices, {"at": at, "out": stranger, "in": []}]) is not None


@given(paths, paths)
def test_digests_are_equal_exactly_for_equal_paths(one: list[int], other: list[int]):
    assert digest(array("q", one)) == digest(list(one))
    assert (digest(one) == digest(other)) == (one == other)


def test_the_digest_is_for_ever():
    assert digest([2, 4]) == hashlib.sha256(b"2,4").hexdigest()
