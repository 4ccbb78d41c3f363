"""Who shares a pass with whom, and what a caller is told."""

import threading
from collections.abc import Sequence

import pytest

from api.adapters.passes import MOST_PIECES, MOST_SEQUENCES, Part, Passes
from domain.errors import Unavailable


@pytest.fixture
def passes() -> Passes[int]:
    return Passes()


def lengths(parts: list[Part[int]]) -> list[int]:
    return [len(part.sequence) for part in parts]


def first_piece(sequences: Sequence[Sequence[int]]) -> list[int]:
    """A model whose answer is the sequence's first piece; a piece of zero is too much for it."""
    if any(sequence[0] == 0 for sequence in sequences):
        raise Unavailable("out of memory")
    return [sequence[0] for sequence in sequences]


def run(passes: Passes[int]) -> list[int]:
    """One pass."""
    parts = passes.next()
    passes.deliver(parts, first_piece([part.sequence for part in parts]))
    return lengths(parts)


def test_callers_that_wait_share_a_pass_and_each_gets_its_own(passes: Passes[int]) -> None:
    first, second = passes.submit([[1], [2, 2]]), passes.submit([[3, 3, 3]])

    assert run(passes) == [1, 2, 3]
    assert first.result(0) == [1, 2]
    assert second.result(0) == [3]


def test_the_short_go_together_and_the_long_alone(passes: Passes[int]) -> None:
    passes.submit([[1] * 90, [1] * 10, [1] * 90, [1] * 12])

    assert [run(passes), run(passes), run(passes)] == [[10, 12], [90], [90]]


def test_a_pass_is_never_larger_than_its_limits(passes: Passes[int]) -> None:
    passes.submit([[1]] * 20)
    passes.submit([[1]] * 20)
    passes.submit([[1] * 24] * 10)

    sizes = [run(passes) for _ in range(5)]

    assert max(map(len, sizes)) == MOST_SEQUENCES
    assert all(len(size) * max(size) <= MOST_PIECES for size in sizes)


def test_a_backfill_lets_small_calls_go_first_and_never_joins_them(passes: Passes[int]) -> None:
    passes.submit([[7]] * (MOST_SEQUENCES + 1))
    passes.submit([[1] * 9])

    assert run(passes) == [9]
    assert run(passes) == [1] * MOST_SEQUENCES


def test_a_cancelled_call_takes_part_in_no_pass(passes: Passes[int]) -> None:
    cancelled, other = passes.submit([[1]] * 3), passes.submit([[2, 2]])
    cancelled.cancel()

    assert run(passes) == [2]
    assert other.done()


def test_a_call_cancelled_during_its_pass_disturbs_nobody(passes: Passes[int]) -> None:
    cancelled, other = passes.submit([[1]]), passes.submit([[2]])
    parts = passes.next()
    cancelled.cancel()
    passes.deliver(parts, [0, 0])

    assert other.result(0) == [0]


def test_a_failed_pass_fails_its_own_calls_only(passes: Passes[int]) -> None:
    failing = passes.submit([[1], [1] * 250])
    parts = passes.next()
    other = passes.submit([[2]])
    passes.fail(parts, Unavailable("out of memory"))

    assert run(passes) == [1]
    assert other.done()
    with pytest.raises(Unavailable, match="out of memory"):
        failing.result(0)


def test_a_call_whose_passes_all_fail_is_told_once(passes: Passes[int]) -> None:
    failing = passes.submit([[1], [1] * 256])
    first, second = passes.next(), passes.next()
    passes.fail(first, Unavailable("first"))
    passes.fail(second, Unavailable("second"))

    with pytest.raises(Unavailable, match="first"):
        failing.result(0)


def test_a_worker_waits_for_work_and_outlives_a_failed_pass(passes: Passes[int]) -> None:
    worker = threading.Thread(target=passes.work, args=[first_piece])
    worker.start()
    failing, good = passes.submit([[0]]), passes.submit([[5] * 256])

    with pytest.raises(Unavailable, match="out of memory"):
        failing.result(5)
    assert good.result(5) == [5]
    passes.close()
    worker.join(5)
    assert not worker.is_alive()


# The worker dies of it, loudly; what matters here is that nobody waits for it for ever.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_model_that_breaks_is_told_to_who_waits(passes: Passes[int]) -> None:
    def broken(sequences: Sequence[Sequence[int]]) -> list[int]:
        raise ZeroDivisionError

    worker = threading.Thread(target=passes.work, args=[broken])
    worker.start()

    with pytest.raises(Unavailable, match="failed"):
        passes.submit([[1]]).result(5)
    worker.join(5)


def test_closing_tells_callers_and_lets_workers_go(passes: Passes[int]) -> None:
    waiting = passes.submit([[1]])
    passes.close()

    assert passes.next() == []
    with pytest.raises(Unavailable):
        waiting.result(0)
    with pytest.raises(Unavailable):
        passes.submit([[1]])
