"""What a session remembers, read from real views that follow a log."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.remembered import BLOCK, Remembered, Told
from projections.session_index import Additions, Document
from tests.builders import SAID_AT, SessionBuilder, vector
from tests.histories import STEPS, History, Step
from tests.shelf import EMBEDDERS
from tests.world import World

# What is forgotten or erased is missing in later readings only: no part of the property below.
REMEMBERING = sorted({"fork", *STEPS} - {"forget", "erase"})
STEP = st.tuples(st.sampled_from(REMEMBERING), st.integers(min_value=0, max_value=2**16))

LORE = "The harbour of Velm lies under fog. " * 10


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as world:
        yield world


@pytest.fixture
def remembered(world: World) -> Remembered:
    return Remembered(world.models)


def everything(remembered: Remembered, session: UUID) -> Additions:
    return remembered.additions(session, EMBEDDERS, version=0, sequence=0)


def documents(remembered: Remembered, session: UUID) -> list[Document]:
    return list(everything(remembered, session).documents)


def plain(additions: Sequence[Additions]) -> Mapping[str, object]:
    """Additions that followed each other, as values that can be compared."""
    return {
        "documents": [document for one in additions for document in one.documents],
        "vectors": [(row.version, row.part, row.vector.tobytes()) for one in additions for row in one.vectors],
        "feelings": [feeling for one in additions for feeling in one.feelings],
        "version": additions[-1].version,
        "sequence": additions[-1].sequence,
    }


# -- additions ---------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=20))
async def test_additions_one_after_another_are_those_from_scratch(steps: list[Step]) -> None:
    history = History()
    read: dict[UUID, list[Additions]] = {}
    with tempfile.TemporaryDirectory() as directory, closing(World(Path(directory))) as world:
        remembered = Remembered(world.models)
        for step in steps:
            await history.play([step], world.log)
            world.follower.catch_up()
            for builder in history.sessions:
                known = read.setdefault(builder.id, [])
                version, sequence = (known[-1].version, known[-1].sequence) if known else (0, 0)
                known.append(remembered.additions(builder.id, EMBEDDERS, version=version, sequence=sequence))

        for session, known in read.items():
            assert plain(known) == plain([everything(remembered, session)])


async def test_every_kind_of_memory_is_a_document(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    chat.instruct(LORE)
    said = chat.say("She likes tea")
    chat.say("{}", "tool")
    answered = chat.reply("So do I")
    summary = chat.summarise(1, "They like tea.")
    carried = chat.carry("It rained", source=uuid4(), version=9)
    edited = chat.edit(said, "She likes coffee")
    await world.see(chat)

    found = documents(remembered, chat.id)

    kinds = {document.version: document.kind for document in found}
    assert kinds == {
        2: "persona", said: "message", answered: "message", summary: "summary", carried: "carried", edited: "message"
    }  # fmt: skip
    terms = {document.version: dict(document.terms) for document in found}
    assert (terms[said], terms[summary]) == ({"like": 1, "tea": 1}, {"like": 1, "tea": 1})
    assert terms[carried] == {"rain": 1}
    chunks = [(document.version, document.start, document.end) for document in found if document.kind == "persona"]
    assert [version for version, _, _ in chunks] == [2] * len(chunks)
    assert (chunks[0][1], chunks[-1][2]) == (0, len(LORE))
    assert len(chunks) > 1


async def test_a_fork_remembers_what_its_ancestors_did_up_to_the_fork(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    common = chat.say("common")
    chat.feel(common, "joy")
    fork = chat.fork("chat-2")
    chat.say("the parent's own")
    own = fork.say("the child's own")
    await world.see(chat, fork, vectors=[vector(chat.id, common), vector(chat.id, chat.version), vector(fork.id, own)])

    found = everything(remembered, fork.id)

    assert [document.version for document in found.documents] == [common, own]
    assert [row.version for row in found.vectors] == [common, own]
    assert [feeling.of for feeling in found.feelings] == [common]


async def test_vectors_of_queries_and_of_other_embedders_are_not_the_memories(
    world: World, remembered: Remembered
) -> None:
    chat = SessionBuilder()
    said = chat.say()
    parts = [vector(chat.id, said, part=part) for part in ("0", "1", "query")]
    await world.see(chat, vectors=[*parts, vector(chat.id, said, embedder="another")])

    found = everything(remembered, chat.id)

    assert [(row.version, row.part, row.vector.tolist()) for row in found.vectors] == [
        (said, 0, [1.0, 0.0]),
        (said, 1, [1.0, 0.0]),
    ]


async def test_of_a_session_that_there_is_not_nothing_is_remembered(remembered: Remembered) -> None:
    found = everything(remembered, uuid4())

    assert (found.documents, found.vectors, found.feelings, found.version, found.sequence) == ([], [], [], 0, 0)


# -- what may be recalled besides the path -----------------------------------------------------------------------------


async def test_instructions_absent_from_a_request_may_be_recalled(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    chat.instruct("You are Anna.", "It is winter.")
    then = chat.version
    chat.instruct("You are Otto.", "It is winter.")
    await world.see(chat)
    anna, winter, otto = (document.version for document in documents(remembered, chat.id))

    assert remembered.beside_path(chat.id, [], [otto, winter]) == [anna]
    assert remembered.beside_path(chat.id, [], []) == [anna, winter, otto]
    assert remembered.beside_path(chat.id, [], [], then) == [anna, winter]


async def test_summaries_may_be_recalled_while_they_hold(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    one, two = chat.say("one"), chat.say("two")
    of_one, of_both = chat.summarise(1, "One."), chat.summarise(2, "Both.")
    await world.see(chat)

    assert remembered.beside_path(chat.id, [one, two], []) == [of_one, of_both]
    assert remembered.beside_path(chat.id, [one], []) == [of_one]
    assert remembered.beside_path(chat.id, [two], []) == []
    assert remembered.beside_path(chat.id, [one, two], [], of_one) == [of_one]
    in_view = remembered.summary_in_view(chat.id, [one, two])
    assert in_view is not None
    assert in_view.version == of_both
    assert remembered.summary_in_view(chat.id, [two]) is None


async def test_carried_memories_may_always_be_recalled(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    carried = chat.carry(source=uuid4(), version=3)
    await world.see(chat)

    assert remembered.beside_path(chat.id, [], []) == [carried]
    assert remembered.beside_path(chat.id, [], [], carried - 1) == []


# -- sources and texts -------------------------------------------------------------------------------------------------


async def test_each_memory_tells_where_it_comes_from(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    chat.instruct("You are Anna.")
    said, answered = chat.say("Hello"), chat.reply("Good evening")
    carried = chat.carry("She likes tea", source=uuid4(), version=3)
    summary = chat.summarise(2, "They met.")
    await world.see(chat)

    told = remembered.told(chat.id, documents(remembered, chat.id))

    assert told.pop(summary) == Told(
        speaker="A summary", said_at=chat.events[-1].timestamp.isoformat(), text="They met."
    )
    assert told == {
        2: Told(speaker="Former instructions", said_at="", text="You are Anna."),
        said: Told(speaker="User", said_at=SAID_AT, text="Hello"),
        answered: Told(speaker="Assistant", said_at=SAID_AT, text="Good evening"),
        carried: Told(speaker="User", said_at=SAID_AT, text="She likes tea"),
    }


async def test_only_the_memories_asked_for_tell(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    said = chat.say("Hello")
    chat.say("Anybody?")
    await world.see(chat)

    assert remembered.told(chat.id, documents(remembered, chat.id)[:1]).keys() == {said}
    assert remembered.told(chat.id, []) == {}


async def test_what_was_forgotten_is_not_told(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    secret, other = chat.say("my secret"), chat.say("something else")
    await world.see(chat)
    known = documents(remembered, chat.id)
    chat.forget(secret)
    await world.see(chat)

    assert remembered.told(chat.id, known).keys() == {other}
    assert [document.version for document in documents(remembered, chat.id)] == [other]


async def test_texts_of_every_kind_are_found_by_version(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    persona = chat.instruct("You are Anna.")
    said, secret = chat.say("Hello"), chat.say("my secret")
    carried = chat.carry("She likes tea", source=uuid4(), version=3)
    summary = chat.summarise(1, "They met.")
    chat.forget(secret)
    await world.see(chat)

    texts = remembered.texts(chat.id, iter(range(1, 99)))

    assert texts == {2: "You are Anna.", said: "Hello", carried: "She likes tea", summary: "They met."}
    assert persona not in texts


# -- messages and moments ----------------------------------------------------------------------------------------------


def rewrite(world: World, text: str) -> None:
    """Change the stored texts, which nothing does, so that one sees what is read from them."""
    with world.models.views.write() as db:
        db.execute("UPDATE messages SET text = ?", (text,))


async def test_messages_that_were_read_once_are_not_read_again(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    one, two = chat.say("one"), chat.say("two")
    await world.see(chat)
    first = remembered.messages(chat.id, [one, two, 99])
    rewrite(world, "read again")

    assert first.keys() == {one, two}
    assert remembered.messages(chat.id, iter([two, one])) == first


async def test_only_so_many_messages_are_kept_the_first_read_go_first(world: World) -> None:
    older, newer = SessionBuilder("older"), SessionBuilder("newer")
    one, two, three = older.say("one"), newer.say("two"), newer.say("three")
    await world.see(older, newer)
    remembered = Remembered(world.models, keep=2)
    remembered.messages(older.id, [one])
    remembered.messages(newer.id, [two, three])
    rewrite(world, "read again")

    assert [message.text for message in remembered.messages(newer.id, [two, three]).values()] == ["two", "three"]
    assert remembered.messages(older.id, [one])[one].text == "read again"


@pytest.mark.parametrize("erased", [False, True])
async def test_no_message_is_kept_when_something_was_forgotten(
    world: World, remembered: Remembered, erased: bool
) -> None:
    chat, other = SessionBuilder("chat"), SessionBuilder("other")
    secret, else_where = chat.say("my secret"), other.say("tea")
    await world.see(chat, other)
    remembered.messages(chat.id, [secret])
    remembered.messages(other.id, [else_where])
    before = remembered.epoch()
    if erased:
        chat.erase()
    else:
        chat.forget(secret)
    await world.see(chat)

    assert (before, remembered.epoch()) == ((0, 0), (world.log.last_position(), 0))
    assert [message.text for message in remembered.messages(chat.id, [secret]).values()] == ([] if erased else [""])
    rewrite(world, "read again")
    assert remembered.messages(other.id, [else_where])[else_where].text == "read again"


async def test_moments_are_the_latest_in_which_the_feeling_was_dominant(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    versions = [chat.say() for _ in range(6)]
    for version, feeling in zip(versions, ("joy", "fear", "joy", "joy", "joy"), strict=False):
        chat.feel(version, feeling)
    chat.feel(versions[3], "fear")
    await world.see(chat)

    assert remembered.moments(chat.id, versions, "joy", 2) == [versions[2], versions[4]]
    assert remembered.moments(chat.id, versions, "fear", 9) == [versions[1], versions[3]]
    assert remembered.moments(chat.id, versions[:2], "joy", 9) == [versions[0]]
    assert remembered.moments(chat.id, versions, "joy", 0) == []
    assert remembered.moments(chat.id, [], "joy", 3) == []


async def test_a_moment_is_found_however_far_back(world: World, remembered: Remembered) -> None:
    chat = SessionBuilder()
    versions = [chat.say("") for _ in range(2 * BLOCK + 1)]
    for version in (versions[0], versions[1], versions[-1]):
        chat.feel(version, "love")
    await world.see(chat)

    assert remembered.moments(chat.id, versions, "love", 2) == [versions[1], versions[-1]]
