"""Events are for ever: the first form of each stands in `golden/` and is still written and read exactly so.

A new event class needs a golden file (`write_golden` makes it). Golden files are never changed: a new form of an event
raises its `class_version`, brings an upcast, and gets an example of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from api.adapters.event_mapper import SALT_BYTES, EventMapper
from api.adapters.hash_chain import SealedEvent, digest_of
from domain import events
from domain.events import ContextBuilt, MessageReceived, SessionEvent, SessionStarted, SummaryWritten
from tests.event_examples import EXAMPLES, topic_of

GOLDEN = Path(__file__).parent / "golden"


def golden_of(name: str) -> dict[str, Any]:
    return orjson.loads((GOLDEN / f"{name}.json").read_bytes())


def name_of(kind: type[SessionEvent], form: int | None = None) -> str:
    """A golden file's name: the event's topic, and the number of its form if that is not the first."""
    number = kind.class_version if form is None else form
    return kind.TOPIC if number == 1 else f"{kind.TOPIC}.{number}"


def as_golden(stored: SealedEvent) -> dict[str, Any]:
    """What a golden file holds: the payload as stored, and the envelope of the columns."""
    return {
        "originator_id": str(stored.originator_id),
        "originator_version": stored.originator_version,
        "topic": stored.topic,
        "created": stored.created,
        "payload": orjson.loads(stored.state[SALT_BYTES:]),
    }


def from_golden(golden: dict[str, Any]) -> SealedEvent:
    state = bytes(SALT_BYTES) + orjson.dumps(golden["payload"])
    return SealedEvent(
        originator_id=UUID(golden["originator_id"]),
        originator_version=golden["originator_version"],
        topic=golden["topic"],
        state=state,
        created=golden["created"],
        digest=digest_of(state),
    )


def write_golden(event: SessionEvent, directory: Path = GOLDEN) -> None:
    """For a new one only: `python -c "from tests.unit.test_golden_events import *; write_golden(EXAMPLES[-1])"`."""
    stored = EventMapper().to_stored_event(event)
    with (directory / f"{name_of(type(event))}.json").open("xb") as file:
        file.write(orjson.dumps(as_golden(stored), option=orjson.OPT_INDENT_2) + b"\n")


def event_classes(root: type[SessionEvent] = SessionEvent) -> Iterator[type[SessionEvent]]:
    """Every event class of the domain that is stored, that is, has a topic of its own."""
    for cls in root.__subclasses__():
        if "TOPIC" in cls.__dict__ and cls.__module__ == events.__name__:
            yield cls
        yield from event_classes(cls)


def test_every_event_has_an_example_and_each_of_its_forms_a_golden_file() -> None:
    kinds = set(event_classes())

    assert kinds == {type(example) for example in EXAMPLES}
    forms = {name_of(kind, form) for kind in kinds for form in range(1, kind.class_version + 1)}
    assert forms == {path.stem for path in GOLDEN.glob("*.json")}


@pytest.mark.parametrize("event", EXAMPLES, ids=topic_of)
def test_an_event_is_written_exactly_as_in_its_golden_file(event: SessionEvent) -> None:
    stored = EventMapper().to_stored_event(event)

    golden = golden_of(name_of(type(event)))
    assert stored.state[SALT_BYTES:] == orjson.dumps(golden["payload"])
    assert as_golden(stored) == golden


@pytest.mark.parametrize("event", EXAMPLES, ids=topic_of)
def test_a_golden_file_is_read_as_the_event_it_was_made_of(event: SessionEvent) -> None:
    read = EventMapper().to_domain_event(from_golden(golden_of(name_of(type(event)))))

    assert read == event
    assert vars(read).keys() == {field.name for field in fields(event)}


@pytest.mark.parametrize("event", EXAMPLES, ids=topic_of)
def test_the_golden_file_of_an_event_is_as_its_writer_makes_it(event: SessionEvent, tmp_path: Path) -> None:
    write_golden(event, tmp_path)

    file = f"{name_of(type(event))}.json"
    assert (tmp_path / file).read_bytes() == (GOLDEN / file).read_bytes()


@pytest.mark.parametrize("kind", [SessionStarted, MessageReceived])
def test_what_a_client_keeps_was_not_told_in_the_first_form(kind: type[SessionStarted | MessageReceived]) -> None:
    (example,) = [event for event in EXAMPLES if isinstance(event, kind)]

    read = EventMapper().to_domain_event(from_golden(golden_of(name_of(kind, 1))))

    assert read == replace(example, details={})


def test_a_context_of_the_first_form_is_read_as_one_that_tells_nothing_of_the_prompt() -> None:
    (example,) = [event for event in EXAMPLES if isinstance(event, ContextBuilt)]

    read = EventMapper().to_domain_event(from_golden(golden_of(name_of(ContextBuilt, 1))))

    assert read == replace(example, transcript=None)


def test_a_summary_of_the_first_form_does_not_tell_what_it_took() -> None:
    (example,) = [event for event in EXAMPLES if isinstance(event, SummaryWritten)]

    read = EventMapper().to_domain_event(from_golden(golden_of(name_of(SummaryWritten, 1))))

    assert read == replace(example, model="extractive-1", usage=None)


@dataclass(frozen=True, kw_only=True)
class Greeted(SessionEvent):
    """An event in its second form: the first had one `name`, this one has a list."""

    TOPIC = "test.greeted"
    class_version = 2
    names: list[str]

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["names"] = [state.pop("name")]


def test_a_stored_first_form_is_read_in_the_second() -> None:
    golden = {
        "originator_id": "11111111-2222-5333-8444-555555555555",
        "originator_version": 3,
        "topic": "test.greeted",
        "created": "2026-03-01T12:30:00.000250+00:00",
        "payload": {"name": "Anna"},
    }

    read = EventMapper().to_domain_event(from_golden(golden))

    assert isinstance(read, Greeted)
    assert vars(read).keys() == {field.name for field in fields(Greeted)}
    assert read.names == ["Anna"]


def test_the_second_form_is_written_with_its_number_and_read_as_it_is() -> None:
    event = Greeted(
        originator_id=EXAMPLES[0].originator_id,
        originator_version=3,
        timestamp=EXAMPLES[0].timestamp,
        names=["Anna", "Ben"],
    )

    stored = EventMapper().to_stored_event(event)

    assert as_golden(stored)["payload"] == {"names": ["Anna", "Ben"], "class_version": 2}
    assert EventMapper().to_domain_event(stored) == event
