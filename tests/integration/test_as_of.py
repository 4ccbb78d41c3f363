"""Every reader's answer as of N is the answer of a system that has read only the events up to N."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import SessionForked
from projections.ports import EventLog
from projections.read_models import ReadModels
from projections.usage import Price
from tests.builders import SessionBuilder
from tests.fakes import MemoryEventLog
from tests.fakes_log import LogExcerpt
from tests.histories import STEPS, History

# Forgetting reaches into the past, so the past is not what it was: no part of this property.
REMEMBERING = sorted({"fork", *STEPS} - {"forget", "erase"})
STEP = st.tuples(st.sampled_from(REMEMBERING), st.integers(min_value=0, max_value=2**16))
PRICES = {"offline": Price(input=1.0, output=2.0, cached=0.5)}

Place = tuple[UUID, int]
Answers = dict[str, object]


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=25))
async def test_every_reader_answers_as_of_a_version_as_it_answered_then(steps: list[tuple[str, int]]) -> None:
    log, history = MemoryEventLog(), History()
    await history.play(steps, log)

    with tempfile.TemporaryDirectory() as directory, closing(ReadModels.open(Path(directory) / "now")) as models:
        models.follow(log).catch_up()
        then = dict(answers_at_the_time(log, Path(directory) / "then"))
        now = {(session, at): answers(models, session, at) for session, at in then}
        inherited = {place: answers(models, *place) for place in before_their_fork(history)}

    assert now == then
    assert inherited == {place: then[in_ancestor(history, *place)] for place in inherited}


def answers_at_the_time(log: EventLog, file: Path) -> Iterator[tuple[Place, Answers]]:
    """What a system answers about each event's session when it has read up to that event."""
    excerpt = LogExcerpt(log, 0)
    with closing(ReadModels.open(file)) as models:
        follower = models.follow(excerpt)
        for logged in log.read(0, log.last_position()):
            session, version = logged.event.originator_id, logged.event.originator_version
            excerpt.upto = logged.position
            if any(one.stored.version == version and one.stored.session == session for one in log.read_vectors(0, 999)):
                excerpt.vectors_upto += 1
            follower.catch_up()
            yield (session, version), answers(models, session, None)


def answers(models: ReadModels, session: UUID, at: int | None) -> Answers:
    """What every reader says of the session."""
    conversation, path = models.conversation, models.conversation.path(session, at)
    everything = range(1, 1000)
    turns = models.audits.turns(session, at)
    return {
        "path": path,
        "tail": conversation.tail(session, 3, at),
        "messages": conversation.messages(session, at),
        "page": conversation.messages(session, at, after=path[0], limit=2) if path else [],
        "texts": conversation.texts(session, everything, at),
        "instructions": models.instructions.instructions(session, at),
        "instruction texts": models.instructions.texts(session, everything, at),
        "persona": models.instructions.persona(session, at),
        "of personas": models.instructions.of_personas(session, at),
        "readings": models.emotions.readings(session, at),
        "emotions": models.emotions.of_messages(session, path, at),
        "summaries": models.summaries.all(session, at),
        "summary": models.summaries.in_view(session, path, at),
        "holding": models.summaries.holding(session, path, at),
        "carried": models.memories.carried(session, at),
        "turns": turns,
        "each turn": [models.audits.turn(session, turn.id, at) for turn in turns],
        "usage": models.usage.totals(session, at, prices=PRICES),
        "terms": models.lexicon.rows(session, at),
        "vectors": models.vectors.rows(session, "test", at),
    }


def before_their_fork(history: History) -> Iterator[Place]:
    """Forks, as of the versions that they have from their ancestors."""
    for builder in history.sessions:
        for at in range(1, builder.events[0].originator_version):
            yield builder.id, at


def in_ancestor(history: History, session: UUID, at: int) -> Place:
    """The session whose own version `at` is."""
    builders: dict[UUID, SessionBuilder] = {builder.id: builder for builder in history.sessions}
    first = builders[session].events[0]
    if isinstance(first, SessionForked) and at <= first.at:
        return in_ancestor(history, UUID(first.parent), at)
    return session, at
