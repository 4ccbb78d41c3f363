"""What a turn leaves to the background: the texts it brought without a vector."""

from collections.abc import Sequence

import pytest

from api.chat.leftovers import unread
from domain.events import SessionEvent
from projections.ports import StoredVector
from tests.builders import vector
from tests.event_examples import EXAMPLES, SESSION, topic_of

BRINGING_TEXT = {
    "session.instruction-received",
    "session.message-received",
    "session.message-edited",
    "session.reply-completed",
    "session.reply-extended",
}


def vectors_of(events: Sequence[SessionEvent]) -> list[StoredVector]:
    return [vector(SESSION, event.originator_version) for event in events]


@pytest.mark.parametrize("event", EXAMPLES, ids=topic_of)
def test_what_brings_a_text_is_unread_until_there_is_its_vector(event: SessionEvent) -> None:
    assert unread([event], []) == (topic_of(event) in BRINGING_TEXT)
    assert not unread([event], vectors_of([event]))


def test_one_text_without_a_vector_is_enough() -> None:
    assert unread(EXAMPLES, vectors_of(EXAMPLES[:-10]))
    assert not unread(EXAMPLES, vectors_of(EXAMPLES))
