"""What a session knows beside its messages: instructions, emotions, summaries, memories, words, vectors."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from domain import path as paths
from tests.builders import SessionBuilder, vector
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as world:
        yield world


# -- instructions ------------------------------------------------------------------------------------------------------


async def test_the_persona_is_that_of_the_newest_context(world: World) -> None:
    chat = SessionBuilder()
    first = chat.instruct("You are Anna.", "Be kind.")
    chat.reply(persona=first)
    then = chat.version
    second = chat.instruct("You are Otto.")
    chat.reply(persona=second)
    await world.see(chat)

    before, now = (world.models.instructions.persona(chat.id, at) for at in (then, None))

    assert before is not None
    assert (before.version, before.text) == (first, "You are Anna.\n\nBe kind.")
    assert now is not None
    assert now.text == "You are Otto."
    assert world.models.instructions.of_personas(chat.id, then) == {2, 3}


async def test_before_a_context_shows_one_the_persona_defined_last_counts(world: World) -> None:
    chat = SessionBuilder()
    await world.see(chat)
    assert world.models.instructions.persona(chat.id) is None

    chat.instruct("You are Anna.")
    last = chat.instruct("You are Otto.")
    await world.see(chat)

    persona = world.models.instructions.persona(chat.id)
    assert persona is not None
    assert (persona.version, persona.text) == (last, "You are Otto.")


async def test_a_context_without_a_persona_shows_none(world: World) -> None:
    chat = SessionBuilder()
    chat.instruct("You are Anna.")
    chat.reply(persona=None)
    await world.see(chat)

    assert world.models.instructions.persona(chat.id) is None
    assert world.models.instructions.persona_of(chat.id, 999) is None


async def test_a_rewind_leaves_what_came_between_out_of_the_story(world: World) -> None:
    chat = SessionBuilder()
    before = chat.say()
    chat.say("Cut off")
    chat.rewind(before)
    back = chat.version
    chat.say("Instead")
    await world.see(chat)

    story = world.models.lineage.story(chat.id)

    assert [version for version in range(1, chat.version + 1) if version in story] == [1, 2, 4, 5, 6]
    assert before + 1 in world.models.lineage.story(chat.id, before + 1)
    assert back == 5


async def test_a_rewind_into_what_was_left_out_brings_its_story_back(world: World) -> None:
    chat = SessionBuilder()
    start = chat.say()
    cut = chat.carry(source=chat.id, version=start)
    chat.rewind(start)
    chat.rewind(cut)
    fork = chat.fork("fork")
    fork.say("Elsewhere")
    await world.see(chat, fork)

    for session in (chat, fork):
        story = world.models.lineage.story(session.id)
        assert [version for version in range(1, session.version + 1) if version not in story] == [4]


async def test_personas_of_a_time_that_was_left_are_no_more_remembered(world: World) -> None:
    chat = SessionBuilder()
    anna = chat.instruct("You are Anna.")
    chat.reply(persona=anna)
    before = chat.version
    otto = chat.instruct("You are Otto.")
    chat.reply(persona=otto)
    chat.rewind(before)
    await world.see(chat)

    instructions = world.models.instructions
    persona = instructions.persona(chat.id)
    assert persona is not None
    assert persona.text == "You are Anna."
    assert instructions.of_personas(chat.id) == instructions.of_personas(chat.id, before)

    # It was defined in the time that was left, and comes again: that is no event, but a context shows it.
    chat.reply(persona=otto)
    await world.see(chat)
    assert len(instructions.of_personas(chat.id)) == 2


async def test_a_forgotten_instruction_is_missing_in_its_persona(world: World) -> None:
    chat = SessionBuilder()
    said = chat.say()
    persona = chat.instruct("You are Anna.", "Her secret is X.")
    assert persona is not None
    chat.forget(said, versions=[persona - 1])
    await world.see(chat)

    shown = world.models.instructions.persona_of(chat.id, persona)

    assert shown is not None
    assert shown.text == "You are Anna."
    assert list(world.models.instructions.texts(chat.id, range(1, 9)).values()) == ["You are Anna."]


# -- emotions ----------------------------------------------------------------------------------------------------------


async def test_the_newest_reading_of_a_message_counts(world: World) -> None:
    chat = SessionBuilder()
    hello, sigh = chat.say("Hello"), chat.say("Sigh")
    first = chat.feel(hello, "joy")
    chat.feel(sigh, "sadness")
    chat.feel(hello, "love", 0.5)
    await world.see(chat)
    emotions = world.models.emotions

    newest = emotions.of_messages(chat.id, [hello, sigh])
    assert {of: one.dominant for of, one in newest.items()} == {hello: "love", sigh: "sadness"}
    assert emotions.of_messages(chat.id, [hello], first)[hello].labels == {"joy": 0.9}
    assert len(emotions.readings(chat.id)) == 3


async def test_messages_that_nobody_read_are_known(world: World) -> None:
    chat = SessionBuilder()
    hello, sigh = chat.say("Hello"), chat.say("Sigh")
    chat.say("{}", "tool")
    chat.feel(hello)
    await world.see(chat)

    assert world.models.emotions.missing(chat.id) == [sigh]


async def test_what_was_read_in_a_forgotten_message_is_forgotten_in_forks_too(world: World) -> None:
    chat = SessionBuilder()
    hello = chat.say("Hello")
    chat.feel(hello)
    fork = chat.fork("chat-2")
    fork.feel(hello, "anger")
    await world.see(chat, fork)
    chat.forget(hello)
    await world.see(chat)

    assert world.models.emotions.readings(chat.id) == []
    assert world.models.emotions.readings(fork.id) == []
    assert world.models.emotions.missing(chat.id) == []


# -- summaries ---------------------------------------------------------------------------------------------------------


async def test_a_summary_is_in_view_while_the_path_begins_as_it_says(world: World) -> None:
    chat = SessionBuilder()
    said = [chat.say(f"message {n}") for n in range(4)]
    older, newer = chat.summarise(2, "two"), chat.summarise(4, "four")
    await world.see(chat)
    summaries = world.models.summaries

    whole, edited, early = said, [*said[:3], 99], [99, *said[1:]]

    assert [summaries.in_view(chat.id, path) for path in (early, [])] == [None, None]
    for path, version, count in ((whole, newer, 4), (edited, older, 2)):
        summary = summaries.in_view(chat.id, path)
        assert summary is not None
        assert (summary.version, summary.count, summary.digest) == (version, count, paths.digest(path[:count]))
    assert [summary.version for summary in summaries.holding(chat.id, whole)] == [older, newer]
    assert [summary.version for summary in summaries.all(chat.id, older)] == [older]


async def test_a_summary_that_covers_a_forgotten_message_goes_with_it(world: World) -> None:
    chat = SessionBuilder()
    secret = chat.say("my secret")
    summary = chat.summarise(1, "a secret was told")
    chat.forget(secret, versions=[summary])
    await world.see(chat)

    assert world.models.summaries.texts(chat.id, [summary]) == {}


# -- memories ----------------------------------------------------------------------------------------------------------


async def test_a_carried_memory_names_its_source(world: World) -> None:
    chat, source = SessionBuilder(), uuid4()
    version = chat.carry("She likes tea", source=source, version=7)
    await world.see(chat)

    (memory,) = world.models.memories.carried(chat.id)

    assert (memory.version, memory.source_session, memory.source_version) == (version, source.hex, 7)
    assert world.models.memories.texts(chat.id, [version, 99]) == {version: "She likes tea"}
    assert world.models.memories.carried(chat.id, version - 1) == []


# -- words -------------------------------------------------------------------------------------------------------------


async def test_messages_are_counted_as_stems(world: World) -> None:
    chat = SessionBuilder()
    said = chat.say("The river, the rivers and the sea")
    chat.say("{}", "tool")
    answered = chat.reply("By the sea")
    await world.see(chat)

    first, second = world.models.lexicon.rows(chat.id)

    assert (first.version, first.terms, first.head) == (said, {"river": 2, "sea": 1}, None)
    assert [second] == world.models.lexicon.rows(chat.id, after=said)
    assert second.version == answered


# -- vectors -----------------------------------------------------------------------------------------------------------


async def test_vectors_are_read_with_the_lineage_they_belong_to(world: World) -> None:
    chat = SessionBuilder()
    common = chat.say("common")
    fork = chat.fork("chat-2")
    late, own = chat.say("late"), fork.say("own")
    await world.see(
        chat, fork, vectors=[vector(chat.id, common), vector(chat.id, late), vector(fork.id, own), vector(fork.id, own)]
    )
    vectors = world.models.vectors

    rows = vectors.rows(fork.id, "test")

    assert [(row.session, row.version) for row in rows] == [(chat.id.hex, common), (fork.id.hex, own)]
    assert vectors.rows(fork.id, "test", after=rows[0].sequence) == rows[1:]
    assert vectors.rows(fork.id, "another embedder") == []
    assert vectors.embedders(fork.id) == ["test"]


async def test_a_message_lacks_a_vector_until_its_text_has_one(world: World) -> None:
    chat = SessionBuilder()
    done, half, none = chat.say("done"), chat.say("half"), chat.say("none")
    chat.say("{}", "tool")
    await world.see(chat, vectors=[vector(chat.id, done), vector(chat.id, half, part="query")])

    assert world.models.vectors.missing(chat.id, "test") == [half, none]
    assert world.models.vectors.missing(chat.id, "another embedder") == [done, half, none]


async def test_a_fork_lacks_the_vectors_that_its_ancestor_lacks(world: World) -> None:
    chat = SessionBuilder()
    done, none = chat.say("done"), chat.say("none")
    fork = chat.fork("chat-2")
    late, own = chat.say("late"), fork.say("own")
    await world.see(chat, fork, vectors=[vector(chat.id, done), vector(chat.id, late)])

    assert world.models.vectors.lacking(fork.id, "test") == [none, own]
    assert world.models.vectors.lacking(chat.id, "test") == [none]
    assert world.models.vectors.lacking(fork.id, "another embedder") == [done, none, own]


async def test_what_was_sought_with_is_known_by_any_embedder(world: World) -> None:
    chat = SessionBuilder()
    asked, said = chat.say("asked"), chat.say("said")
    await world.see(chat, vectors=[vector(chat.id, asked, part="query"), vector(chat.id, said)])

    assert world.models.vectors.asked(chat.id) == {asked}


async def test_an_instruction_without_a_word_lacks_no_vector(world: World) -> None:
    chat = SessionBuilder()
    chat.instruct("")
    await world.see(chat)

    assert world.models.vectors.missing(chat.id, "test") == []


async def test_a_vector_that_comes_after_its_message_was_forgotten_is_refused(world: World) -> None:
    chat, gone = SessionBuilder(), SessionBuilder("gone")
    secret = chat.say("my secret")
    last = gone.say("another")
    chat.forget(secret)
    gone.erase()
    await world.see(chat, gone, vectors=[vector(chat.id, secret), vector(gone.id, last)])

    assert world.models.views.read().execute("SELECT count(*) FROM vectors").fetchone() == (0,)
