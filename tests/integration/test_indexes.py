"""Warm indexes: made when first asked for, brought up to date each time, used by one thread at a time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from uuid import UUID, uuid4

import pytest

from projections.indexes import Indexes
from projections.session_index import Additions, Embedders, Rows
from tests.shelf import EMBEDDERS, Shelf


def indexes_of(rows: Rows, *, warm: int = 2) -> Indexes:
    return Indexes(rows, embedders=EMBEDDERS, dimensions=2, warm=warm)


class Refusing:
    """Rows that cannot be read."""

    def additions(self, session: UUID, embedders: Embedders, *, version: int, sequence: int) -> Additions:
        raise OSError("the disk is gone")

    def epoch(self) -> tuple[int, int]:
        return 0, 0


def test_an_index_is_kept_and_knows_what_came_since() -> None:
    shelf, session = Shelf().put(1, "tea"), uuid4()
    indexes = indexes_of(shelf)
    with indexes.fresh(session) as first:
        assert len(first.documents) == 1

    shelf.put(2, "rain")

    with indexes.fresh(session) as second:
        assert second is first
        assert [document.version for document in second.documents] == [1, 2]


def test_the_longest_unused_index_is_let_go() -> None:
    indexes = indexes_of(Shelf(), warm=2)
    one, two, three = uuid4(), uuid4(), uuid4()
    kept = {}
    for session in (one, two, one, three):
        with indexes.fresh(session) as index:
            kept[session] = index

    with indexes.fresh(one) as again:
        assert again is kept[one]
    assert len(indexes) == 2
    with indexes.fresh(two) as anew:
        assert anew is not kept[two]


def test_the_longest_unused_are_let_go_when_all_together_hold_too_much() -> None:
    shelf = Shelf().put(1, "tea").put(2, "rain")
    indexes = Indexes(shelf, embedders=EMBEDDERS, dimensions=2, documents=5)
    one, two, three = uuid4(), uuid4(), uuid4()
    kept = {}
    for session in (one, two, three, one):
        with indexes.fresh(session) as index:
            kept[session] = index

    assert len(indexes) == 2
    with indexes.fresh(three) as again:
        assert again is kept[three]


def test_a_session_larger_than_all_may_hold_together_stays_warm() -> None:
    shelf, session = Shelf().put(1, "tea").put(2, "rain"), uuid4()
    indexes = Indexes(shelf, embedders=EMBEDDERS, dimensions=2, documents=1)
    with indexes.fresh(session) as first:
        pass

    with indexes.fresh(session) as again:
        assert again is first


def test_no_index_is_kept_when_something_was_forgotten() -> None:
    shelf, one, two = Shelf().put(1, "secret"), uuid4(), uuid4()
    indexes = indexes_of(shelf)
    with indexes.fresh(one) as old, indexes.fresh(two):
        assert len(indexes) == 2

    shelf.documents.clear()
    shelf.forgetting = 7

    with indexes.fresh(one) as new:
        assert new is not old
        assert new.documents == []
    assert len(indexes) == 1
    with indexes.fresh(one) as again:
        assert again is new


def test_one_index_serves_one_thread_at_a_time() -> None:
    indexes, session = indexes_of(Shelf().put(1)), uuid4()

    def use() -> int:
        with indexes.fresh(session) as index:
            return len(index.documents)

    with ThreadPoolExecutor() as threads:
        with indexes.fresh(session):
            other = threads.submit(use)
            with pytest.raises(TimeoutError):
                other.result(timeout=0.05)
        assert other.result(timeout=5) == 1


def test_indexes_of_two_sessions_are_used_at_once() -> None:
    indexes, meeting = indexes_of(Shelf().put(1)), Barrier(2)

    def use(session: UUID) -> int:
        with indexes.fresh(session):
            return meeting.wait(timeout=5)

    with ThreadPoolExecutor() as threads:
        assert sorted(threads.map(use, [uuid4(), uuid4()])) == [0, 1]


def test_an_index_that_is_let_go_while_in_use_stays_usable() -> None:
    indexes, session, done = indexes_of(Shelf().put(1), warm=1), uuid4(), Event()

    def use_slowly() -> int:
        with indexes.fresh(session) as index:
            started.set()
            assert done.wait(timeout=5)
            return len(index.documents)

    started = Event()
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(use_slowly)
        assert started.wait(timeout=5)
        with indexes.fresh(uuid4()), indexes.fresh(session) as anew:
            assert len(anew.documents) == 1
        done.set()
        assert slow.result(timeout=5) == 1


def test_many_threads_that_refresh_one_index_take_in_everything_once() -> None:
    shelf, session = Shelf(), uuid4()
    for version in range(1, 200):
        shelf.put(version, "tea", cosine=0.5)
    indexes = indexes_of(shelf)

    def use(_: int) -> tuple[int, int]:
        with indexes.fresh(session) as index:
            return len(index.documents), len(index.vectors)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(use, range(64))) == {(199, 199)}
    assert shelf.refreshes == 64


def test_a_refresh_that_fails_does_not_keep_the_index_locked() -> None:
    indexes, session = indexes_of(Refusing()), uuid4()

    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"), indexes.fresh(session):
            pass
