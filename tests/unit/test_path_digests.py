"""Digests of a path's beginnings are those of the domain, whatever was kept of the session."""

from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.path import digest
from projections.path_digests import PathDigests

TEA, ATTIC = UUID(int=1), UUID(int=2)


def expected(path: Sequence[int], counts: set[int]) -> dict[int, str]:
    return {count: digest(path[:count]) for count in sorted(counts) if 0 < count <= len(path)}


@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from([TEA, ATTIC]),
            st.lists(st.integers(1, 4), max_size=8),
            st.sets(st.integers(0, 9)),
        ),
        max_size=8,
    )
)
def test_every_answer_is_the_digest_of_the_path_asked_about(
    asked: list[tuple[UUID, list[int], set[int]]],
) -> None:
    digests = PathDigests(keep=1)

    for session, path, counts in asked:
        assert digests.of(session, path, counts) == expected(path, counts)


def test_a_path_that_grows_is_digested_on_from_where_it_was() -> None:
    digests, path = PathDigests(), list(range(1, 100))

    for length in range(1, 100):
        assert digests.of(TEA, path[:length], {length // 2, length}) == expected(path[:length], {length // 2, length})
