"""Events and snapshots to rows and back."""

import hashlib
from array import array

import pytest
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent

from api.adapters.event_mapper import SALT_BYTES, EventMapper
from api.adapters.hash_chain import SealedEvent
from api.adapters.snapshots import SessionSnapshot, attributes_of_session
from domain.errors import InvalidRequest
from domain.events import MessageEdited, SessionEvent, SessionForked, SessionStarted
from domain.session import Session
from domain.turn import OpenTurn
from tests.event_examples import EXAMPLES, PARENT, SESSION, WHEN, topic_of
from tests.fakes import ReversingKeys


def edited(text: str) -> MessageEdited:
    return MessageEdited(originator_id=SESSION, originator_version=5, timestamp=WHEN, replaces=4, turn=None, text=text)


@pytest.mark.parametrize("event", EXAMPLES, ids=topic_of)
def test_every_event_comes_back_equal(event: SessionEvent) -> None:
    mapper = EventMapper()

    assert mapper.to_domain_event(mapper.to_stored_event(event)) == event


def test_the_envelope_is_in_columns_and_not_in_the_payload() -> None:
    stored = EventMapper().to_stored_event(edited("Hello"))

    assert stored.state[SALT_BYTES:] == b'{"replaces":4,"turn":null,"text":"Hello"}'
    assert (stored.originator_id, stored.originator_version, stored.topic) == (SESSION, 5, "session.message-edited")
    assert stored.created == "2026-03-01T12:30:00.000250+00:00"


def test_the_digest_is_of_salt_and_payload() -> None:
    stored = EventMapper().to_stored_event(edited("Hello"))

    assert stored.digest == hashlib.sha256(stored.state).digest()


def test_equal_events_have_different_salts_and_digests() -> None:
    mapper = EventMapper()

    first, second = mapper.to_stored_event(edited("Hello")), mapper.to_stored_event(edited("Hello"))

    assert first.state[SALT_BYTES:] == second.state[SALT_BYTES:]
    assert first.digest != second.digest


def test_states_pass_through_the_session_keys_and_digests_do_not() -> None:
    keys = ReversingKeys()
    mapper = EventMapper(keys)
    event = edited("Hello")

    stored = mapper.to_stored_event(event)

    assert b"Hello" not in stored.state
    assert stored.digest == hashlib.sha256(stored.state[::-1]).digest()
    assert mapper.to_domain_event(stored) == event
    place = (SESSION, 5, "session.message-edited")
    assert keys.asked == [("seal", *place), ("open", *place)]


def test_a_fork_says_whose_chain_it_continues() -> None:
    forked = next(event for event in EXAMPLES if isinstance(event, SessionForked))
    started = next(event for event in EXAMPLES if isinstance(event, SessionStarted))
    mapper = EventMapper()

    assert mapper.to_stored_event(forked).continues == (PARENT, 40)
    assert mapper.to_stored_event(started).continues is None


def test_a_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cannot be stored"):
        EventMapper().to_stored_event(edited("half an emoji: \ud83d"))


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("session.message-edited", b'{"text":'),
        ("session.message-edited", b'["text"]'),
        ("session.from-the-future", b"{}"),
    ],
)
def test_a_row_that_is_no_event_says_where_it_is(topic: str, payload: bytes) -> None:
    broken = SealedEvent(
        originator_id=SESSION,
        originator_version=5,
        topic=topic,
        state=bytes(SALT_BYTES) + payload,
        created="2026-03-01T12:30:00.000250+00:00",
        digest=b"",
    )

    with pytest.raises(MapperDeserialisationError, match=f"{topic} in {SESSION} version 5"):
        EventMapper().to_domain_event(broken)


def a_busy_session() -> Session:
    session = Session.start(owner="local", external_id="s", identified_by="header")
    session.pending_events.clear()
    session.version = 4000
    session.path, session.messages = array("q", [3, 4, 9, 7]), array("q", range(3, 10))
    session.instructions, session.personas = {"ab": 2}, {"cd": 5}
    session.open_turn = OpenTurn(id="turn-1", kind="new", query=9)
    return session


def test_a_snapshot_comes_back_as_an_equal_session() -> None:
    mapper, session = EventMapper(), a_busy_session()

    stored = mapper.to_stored_event(SessionSnapshot.take(session))
    plain = StoredEvent(stored.originator_id, stored.originator_version, stored.topic, stored.state)
    snapshot = mapper.to_domain_event(plain)

    assert isinstance(snapshot, SessionSnapshot)
    restored = snapshot.mutate(None)
    assert restored == session
    assert isinstance(restored.path, array)
    assert restored.path is not session.path


def test_a_snapshot_of_a_young_session_comes_back_equal() -> None:
    session = Session.start(owner="local", external_id="s", identified_by="header")
    session.pending_events.clear()

    assert SessionSnapshot.take(session).mutate(None) == session


def test_a_snapshot_holds_every_attribute_of_a_session() -> None:
    attributes = SessionSnapshot.take(a_busy_session()).state["attributes"]

    assert attributes.keys() == attributes_of_session()
