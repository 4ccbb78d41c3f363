"""A session's axis of versions, read from the log across its ancestors."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from api.sessions.axis import Axis, event_json
from domain.events import TurnFailed
from tests.builders import SessionBuilder
from tests.event_examples import SESSION, WHEN
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> Generator[World]:
    with closing(World(tmp_path)) as made:
        yield made


@pytest.fixture
async def fork(world: World) -> SessionBuilder:
    """A session with messages M2 and M3 forked at M2, and with M4 of its own."""
    parent = SessionBuilder("parent")
    parent.say("One")
    child = parent.fork("fork")
    parent.say("Two")
    child.say("Three")
    await world.see(parent, child)
    return child


async def test_a_fork_has_its_ancestors_events_up_to_the_fork_and_then_its_own(
    world: World, fork: SessionBuilder
) -> None:
    axis = Axis(world.log, world.models.lineage)

    events = [logged.event for logged in axis.events(fork.id, after=1, limit=9)]

    assert [(one.originator_version, type(one).TOPIC) for one in events] == [
        (2, "session.message-received"),
        (3, "session.forked"),
        (4, "session.message-received"),
    ]


async def test_events_are_read_behind_a_version_and_no_more_than_asked_for(world: World, fork: SessionBuilder) -> None:
    axis = Axis(world.log, world.models.lineage)

    assert [one.event.originator_version for one in axis.events(fork.id, after=2, limit=1)] == [3]
    assert [one.event.originator_version for one in axis.events(fork.id, after=0, limit=1)] == [1]


async def test_texts_are_those_that_events_brought(world: World, fork: SessionBuilder) -> None:
    axis = Axis(world.log, world.models.lineage)

    assert axis.texts(fork.id, [4, 2, 1, 3]) == {2: "One", 4: "Three"}


def test_an_event_of_a_later_form_says_so() -> None:
    class Later(TurnFailed):
        class_version = 2

    event = Later(originator_id=SESSION, originator_version=3, timestamp=WHEN, turn="t", code="c", detail="d")

    assert event_json(event)["data"] == {"turn": "t", "code": "c", "detail": "d", "class_version": 2}
