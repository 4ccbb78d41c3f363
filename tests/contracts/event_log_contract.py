"""What every event log does. Each runs `EventLogContract`; those that several processes open, `SharedLogContract` too.

A subclass gives the fixture `log`, and `other` where the log is shared.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from time import monotonic
from uuid import UUID, uuid4

import pytest

from api.adapters.stored_log import StoredEventLog
from api.ports import EventLog, Picture
from domain.errors import NotFound, Unavailable, VersionConflict
from domain.messages import Message
from domain.operations import Append
from domain.session import Session
from projections.ports import LoggedEvent, StoredVector
from tests.drawings import png, sha256

NOBODY = UUID(int=7)


def started(external_id: str = "") -> Session:
    """A session that nobody has stored yet."""
    return Session.start(owner="local", external_id=external_id or uuid4().hex, identified_by="new")


def say(session: Session, *texts: str) -> None:
    """Receive these texts as messages of the user."""
    for text in texts:
        message = Message(role="user", text=text, said_at="2026-03-01T12:00:00.000000+00:00")
        session.receive(turn=None, operations=[Append(message)])


async def store(log: EventLog, session: Session) -> list[int]:
    """Append what the session has decided."""
    events = session.collect()
    return await log.append(session.id, events[0].originator_version - 1, events)


async def stored(log: EventLog, *texts: str) -> Session:
    """A stored session in which these texts were said: versions 2, 3, …"""
    session = started()
    say(session, *texts)
    await store(log, session)
    return session


def vector(session: Session, version: int, *, fill: int = 1, part: str = "0") -> StoredVector:
    return StoredVector(session=session.id, version=version, part=part, embedder="e1", vector=bytes([fill]) * 8)


def drawn(content: bytes) -> Picture:
    return Picture(sha256=sha256(content), media_type="image/png", content=content)


def versions(logged: list[LoggedEvent]) -> list[int]:
    return [one.event.originator_version for one in logged]


def everything(log: EventLog) -> list[LoggedEvent]:
    return list(log.read(0, 10_000))


class EventLogContract(ABC):
    """Append, read, load, vectors, chain, wait; what goes wrong leaves nothing behind."""

    @pytest.fixture
    @abstractmethod
    def log(self) -> AsyncIterator[EventLog]: ...

    @abstractmethod
    def out_of_space(self, log: EventLog) -> AbstractContextManager[None]:
        """Until the end of the block the log cannot be written."""

    # append

    async def test_an_empty_log_stands_at_zero(self, log: EventLog) -> None:
        assert (log.last_position(), log.last_sequence()) == (0, 0)
        assert everything(log) == []
        assert list(log.read_vectors(0, 10)) == []

    async def test_appending_gives_the_events_growing_positions(self, log: EventLog) -> None:
        session = started()
        say(session, "one", "two")

        first = await store(log, session)
        second = await store(log, started())

        assert first == sorted(first)
        assert len(first) == 3
        assert second[0] > first[-1]
        assert log.last_position() == second[-1]

    async def test_an_append_that_expects_an_older_version_is_a_conflict(self, log: EventLog) -> None:
        session = await stored(log, "one")
        late = await log.load(session.id, 1)
        say(late, "another")

        with pytest.raises(VersionConflict):
            await store(log, late)

        assert versions(everything(log)) == [1, 2]

    async def test_starting_a_session_twice_is_a_conflict(self, log: EventLog) -> None:
        await store(log, started("same"))

        with pytest.raises(VersionConflict):
            await store(log, started("same"))

    async def test_events_that_do_not_follow_the_expected_version_are_refused(self, log: EventLog) -> None:
        session = await stored(log)
        say(session, "one", "two")

        with pytest.raises(VersionConflict):
            await log.append(session.id, 1, session.collect()[1:])

        assert versions(everything(log)) == [1]

    async def test_a_gap_is_refused(self, log: EventLog) -> None:
        session = await stored(log)
        say(session, "one", "two")

        with pytest.raises(VersionConflict):
            await log.append(session.id, 2, session.collect()[1:])

        assert versions(everything(log)) == [1]

    async def test_a_session_cannot_begin_above_one(self, log: EventLog) -> None:
        session = started()
        say(session, "one")

        with pytest.raises(VersionConflict):
            await log.append(session.id, 1, session.collect()[1:])

        assert everything(log) == []

    async def test_events_of_another_session_are_refused(self, log: EventLog) -> None:
        with pytest.raises(ValueError, match="one session"):
            await log.append(NOBODY, 0, started().collect())

    async def test_of_fifty_writers_of_one_version_one_wins(self, log: EventLog) -> None:
        session = await stored(log)
        copies = [await log.load(session.id) for _ in range(50)]
        for number, copy in enumerate(copies):
            say(copy, f"writer {number}")

        outcomes = await asyncio.gather(*(store(log, copy) for copy in copies), return_exceptions=True)

        assert sum(isinstance(outcome, list) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 49
        assert versions(everything(log)) == [1, 2]

    async def test_fifty_sessions_are_appended_to_at_once(self, log: EventLog) -> None:
        sessions = [started() for _ in range(50)]
        for session in sessions:
            say(session, "one")

        positions = await asyncio.gather(*(store(log, session) for session in sessions))

        assert sorted(position for own in positions for position in own) == list(range(1, 101))
        assert {one.position: one.event.originator_id for one in everything(log)} == {
            position: session.id for session, own in zip(sessions, positions, strict=True) for position in own
        }

    async def test_an_append_is_stored_whole_or_not_at_all(self, log: EventLog) -> None:
        session = await stored(log)
        say(session, "one", "two", "three")
        one, _, three = session.collect()

        with pytest.raises(VersionConflict):
            await log.append(session.id, 1, [one, three], [vector(session, 2)])

        assert versions(everything(log)) == [1]
        assert log.last_sequence() == 0

    async def test_a_conflicting_append_fails_alone_among_those_beside_it(self, log: EventLog) -> None:
        session = await stored(log, "one")
        late = await log.load(session.id, 1)
        say(late, "late")
        others = [started() for _ in range(6)]

        outcomes = await asyncio.gather(
            *(store(log, one) for one in [*others[:3], late, *others[3:]]), return_exceptions=True
        )

        assert [isinstance(outcome, list) for outcome in outcomes] == [True, True, True, False, True, True, True]
        assert isinstance(outcomes[3], VersionConflict)
        assert log.last_position() == 8

    async def test_a_caller_who_is_cancelled_does_not_disturb_the_others(self, log: EventLog) -> None:
        sessions = [started() for _ in range(5)]
        appends = [asyncio.create_task(store(log, session)) for session in sessions]
        await asyncio.sleep(0)
        appends[2].cancel()

        outcomes = await asyncio.gather(*appends, return_exceptions=True)

        assert [isinstance(outcome, list) for outcome in outcomes] == [True, True, False, True, True]
        assert await store(log, started()) == [log.last_position()]

    async def test_a_log_without_space_is_unavailable_and_stores_nothing(self, log: EventLog) -> None:
        session = await stored(log)
        say(session, "long " * 100_000)
        events = session.collect()

        with self.out_of_space(log), pytest.raises(Unavailable):
            await log.append(session.id, 1, events, [vector(session, 2)])

        assert versions(everything(log)) == [1]
        assert log.last_sequence() == 0
        assert await log.append(session.id, 1, events) == [2]

    # read

    async def test_events_are_read_in_order_as_they_were_appended(self, log: EventLog) -> None:
        session = started()
        say(session, "Grüße 🌊", "two")
        events = session.collect()

        positions = await log.append(session.id, 0, events)

        assert [one.event for one in everything(log)] == events
        assert [one.position for one in everything(log)] == positions

    async def test_the_log_is_read_in_pages(self, log: EventLog) -> None:
        await stored(log, "one", "two", "three")
        whole = everything(log)

        first = list(log.read(0, 3))
        rest = list(log.read(first[-1].position, 3))

        assert first + rest == whole
        assert list(log.read(log.last_position(), 3)) == []

    async def test_a_session_is_read_without_the_others(self, log: EventLog) -> None:
        session = await stored(log, "one", "two")
        await stored(log, "other")

        assert versions(list(log.read_session(session.id, 0, 10))) == [1, 2, 3]
        assert versions(list(log.read_session(session.id, 1, 1))) == [2]
        assert list(log.read_session(NOBODY, 0, 10)) == []

    # load

    async def test_a_loaded_session_is_what_its_events_made_it(self, log: EventLog) -> None:
        session = await stored(log, "one", "two")

        assert await log.load(session.id) == session

    async def test_a_session_is_loaded_as_of_a_version(self, log: EventLog) -> None:
        session = await stored(log, "one", "two")

        assert list((await log.load(session.id, 2)).path) == [2]
        assert (await log.load(session.id, 1)).version == 1
        assert (await log.load(session.id)).version == 3

    async def test_an_unknown_session_is_not_found(self, log: EventLog) -> None:
        with pytest.raises(NotFound, match="no such session") as caught:
            await log.load(NOBODY)

        assert caught.value.param == "session_id"

    async def test_a_version_the_session_has_not_reached_is_not_found(self, log: EventLog) -> None:
        session = await stored(log)

        with pytest.raises(NotFound, match="no version 2"):
            await log.load(session.id, 2)

    async def test_a_loaded_session_is_a_copy(self, log: EventLog) -> None:
        session = await stored(log, "one")
        await log.load(session.id)

        say(await log.load(session.id), "never stored")

        assert await log.load(session.id) == session

    async def test_a_session_loaded_again_has_what_was_appended_since(self, log: EventLog) -> None:
        session = await stored(log, "one")
        await log.load(session.id)
        say(session, "two")
        await store(log, session)

        assert await log.load(session.id) == session

    # pictures

    async def test_a_picture_is_stored_with_the_events_that_name_it(self, log: EventLog) -> None:
        session = started()
        await log.append(session.id, 0, session.collect(), pictures=[drawn(png(1)), drawn(png(2))])

        assert log.read_image(sha256(png(1))) == png(1)
        assert log.read_image(sha256(png(2))) == png(2)

    async def test_a_picture_may_come_again_in_this_session_and_others(self, log: EventLog) -> None:
        session = started()
        await log.append(session.id, 0, session.collect(), pictures=[drawn(png())])
        say(session, "one")
        await log.append(session.id, 1, session.collect(), pictures=[drawn(png())])
        another = started()
        await log.append(another.id, 0, another.collect(), pictures=[drawn(png())])

        assert log.read_image(sha256(png())) == png()

    async def test_the_picture_of_an_append_that_failed_is_not_there(self, log: EventLog) -> None:
        session = await stored(log, "one")
        late = await log.load(session.id, 1)
        say(late, "another")

        with pytest.raises(VersionConflict):
            await log.append(late.id, 1, late.collect(), pictures=[drawn(png())])
        with pytest.raises(Unavailable):
            log.read_image(sha256(png()))

    # vectors

    async def test_vectors_have_a_sequence_of_their_own(self, log: EventLog) -> None:
        session = started()
        say(session, "one", "two")
        events = session.collect()
        await log.append(session.id, 0, events, [vector(session, 2), vector(session, 2, part="query")])
        await log.add_vectors([vector(session, 3)])

        logged = list(log.read_vectors(0, 10))

        assert [(one.stored.version, one.stored.part) for one in logged] == [(2, "0"), (2, "query"), (3, "0")]
        assert [one.sequence for one in logged] == sorted({one.sequence for one in logged})
        assert log.last_sequence() == logged[-1].sequence
        assert list(log.read_vectors(logged[0].sequence, 1)) == logged[1:2]

    async def test_the_first_insert_of_a_vector_wins(self, log: EventLog) -> None:
        session = await stored(log, "one")
        await log.add_vectors([vector(session, 2, fill=1)])

        await log.add_vectors([vector(session, 2, fill=2)])

        assert [one.stored for one in log.read_vectors(0, 10)] == [vector(session, 2, fill=1)]

    async def test_an_append_without_events_stores_its_vectors(self, log: EventLog) -> None:
        session = await stored(log, "one")

        positions = await log.append(session.id, 2, [], [vector(session, 2)])

        assert positions == []
        assert [one.stored for one in log.read_vectors(0, 10)] == [vector(session, 2)]

    # chain

    async def test_every_event_has_a_link_of_its_own(self, log: EventLog) -> None:
        await stored(log, "same", "same")

        links = [one.chain for one in everything(log)]

        assert len(set(links)) == 3
        assert {len(link) for link in links} == {64}

    async def test_equal_events_of_two_sessions_have_different_links(self, log: EventLog) -> None:
        await stored(log, "same")
        await stored(log, "same")

        assert len({one.chain for one in everything(log)}) == 4

    # forks

    async def test_a_fork_begins_after_the_version_it_was_forked_at(self, log: EventLog) -> None:
        parent = await stored(log, "one", "two", "three")
        fork = (await log.load(parent.id, 3)).fork("fork")
        say(fork, "elsewhere")

        await store(log, fork)

        assert versions(list(log.read_session(fork.id, 0, 10))) == [4, 5]
        loaded = await log.load(fork.id)
        assert loaded == fork
        assert list(loaded.path) == [2, 3, 5]

    async def test_a_fork_of_a_fork_is_accepted(self, log: EventLog) -> None:
        parent = await stored(log, "one")
        fork = (await log.load(parent.id)).fork("fork")
        await store(log, fork)

        second = (await log.load(fork.id)).fork("second")
        await store(log, second)

        assert versions(list(log.read_session(second.id, 0, 10))) == [4]

    async def test_a_fork_at_a_version_the_parent_has_not_is_refused(self, log: EventLog) -> None:
        parent = started()
        say(parent, "one")
        fork = parent.fork("fork")

        with pytest.raises(VersionConflict):
            await store(log, fork)

        assert everything(log) == []

    async def test_a_fork_with_a_taken_name_is_refused(self, log: EventLog) -> None:
        parent = await stored(log, "one")
        await store(log, parent.fork("fork"))

        with pytest.raises(VersionConflict):
            await store(log, parent.fork("fork"))

    # wait

    async def test_waiting_ends_when_nothing_comes(self, log: EventLog) -> None:
        begun = monotonic()

        await asyncio.to_thread(log.wait, 0.1)

        assert monotonic() - begun >= 0.09

    async def test_an_append_ends_the_wait(self, log: EventLog) -> None:
        begun = monotonic()
        waiting = asyncio.create_task(asyncio.to_thread(log.wait, 30))
        await asyncio.sleep(0.05)

        await stored(log)

        await waiting
        assert monotonic() - begun < 10

    async def test_what_was_appended_before_the_wait_ends_it_at_once(self, log: EventLog) -> None:
        await stored(log)
        begun = monotonic()

        log.wait(30)

        assert monotonic() - begun < 10

    async def test_waking_ends_the_wait(self, log: EventLog) -> None:
        begun = monotonic()
        waiting = asyncio.create_task(asyncio.to_thread(log.wait, 30))
        await asyncio.sleep(0.05)

        log.wake()

        await waiting
        assert monotonic() - begun < 10

    # probe

    async def test_probing_changes_nothing(self, log: EventLog) -> None:
        session = await stored(log, "one")
        before = everything(log), log.last_position(), log.last_sequence()

        await log.probe()

        assert (everything(log), log.last_position(), log.last_sequence()) == before
        assert await log.load(session.id) == session

    # close

    async def test_what_was_queued_is_finished_before_the_log_closes(self, log: EventLog) -> None:
        appends = [asyncio.create_task(stored(log)) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        await log.close()

        assert len(await asyncio.gather(*appends)) == 20

    async def test_a_closed_log_is_unavailable(self, log: EventLog) -> None:
        session = await stored(log)
        await log.close()
        await log.close()
        say(session, "one")

        with pytest.raises(Unavailable):
            await store(log, session)
        with pytest.raises(Unavailable):
            await log.load(session.id)
        with pytest.raises(Unavailable):
            await log.probe()
        log.wait(30)


class SharedLogContract(ABC):
    """What holds between two processes on one log; `log` and `other` are two openings of it."""

    @pytest.fixture
    @abstractmethod
    def other(self, log: EventLog) -> AsyncIterator[EventLog]: ...

    @abstractmethod
    def opened_again(self) -> StoredEventLog:
        """One more opening, which the test closes."""

    async def test_everything_is_there_after_reopening(self, log: EventLog) -> None:
        session = await stored(log, "one", "two")
        await log.add_vectors([vector(session, 2)])
        whole = everything(log)
        await log.close()

        again = self.opened_again()

        assert everything(again) == whole
        assert await again.load(session.id) == session
        assert [one.stored for one in again.read_vectors(0, 10)] == [vector(session, 2)]
        await again.close()

    async def test_the_chain_of_a_session_and_of_its_fork_hold(self, log: EventLog) -> None:
        parent = await stored(log, "one", "two")
        fork = (await log.load(parent.id, 2)).fork("fork")
        say(fork, "elsewhere")
        await store(log, fork)

        again = self.opened_again()

        assert again.check(parent.id).fault is None
        assert again.check(fork.id).fault is None
        assert again.sessions() == [parent.id, fork.id]
        with pytest.raises(NotFound):
            again.check(NOBODY)
        await again.close()

    async def test_both_see_one_order(self, log: EventLog, other: EventLog) -> None:
        await asyncio.gather(*(stored(one, "hello") for one in [log, other] * 10))

        assert everything(log) == everything(other)
        assert [one.position for one in everything(log)] == list(range(1, 41))

    async def test_of_two_writers_one_wins(self, log: EventLog, other: EventLog) -> None:
        session = await stored(log)
        here, there = await log.load(session.id), await other.load(session.id)
        say(here, "here")
        say(there, "there")

        outcomes = await asyncio.gather(store(log, here), store(other, there), return_exceptions=True)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["VersionConflict", "list"]
        assert await log.load(session.id) == await other.load(session.id)

    async def test_a_session_held_in_one_has_what_the_other_appended(self, log: EventLog, other: EventLog) -> None:
        session = await stored(log, "one")
        there = await other.load(session.id)
        say(session, "two")
        await store(log, session)

        assert there.version == 2
        assert await other.load(session.id) == session

    async def test_the_first_insert_of_a_vector_wins_for_both(self, log: EventLog, other: EventLog) -> None:
        session = await stored(log, "one")
        await log.add_vectors([vector(session, 2, fill=1)])

        await other.add_vectors([vector(session, 2, fill=2)])

        assert list(log.read_vectors(0, 10)) == list(other.read_vectors(0, 10))
        assert [one.stored for one in other.read_vectors(0, 10)] == [vector(session, 2, fill=1)]

    async def test_an_append_of_one_ends_the_wait_of_the_other(self, log: EventLog, other: EventLog) -> None:
        begun = monotonic()
        waiting = asyncio.create_task(asyncio.to_thread(other.wait, 30))
        await asyncio.sleep(0.05)

        await stored(log)

        await waiting
        assert monotonic() - begun < 10
        assert len(everything(other)) == 1

    async def test_what_one_stored_is_there_after_it_closed(self, log: EventLog, other: EventLog) -> None:
        session = await stored(log, "one", "two")
        whole = everything(log)

        await log.close()

        assert everything(other) == whole
        assert await other.load(session.id) == session
