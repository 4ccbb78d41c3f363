"""The conversation's view: the path of every version, and the messages on it."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import path as paths
from domain.events import PathChanged
from domain.keys import fingerprint
from domain.messages import Message
from domain.operations import Append, Rearrange
from projections import spans
from projections.read_models import ReadModels
from tests.builders import SessionBuilder
from tests.fakes import MemoryEventLog
from tests.histories import STEPS, History
from tests.world import World

STEP = st.tuples(st.sampled_from(sorted({"fork", *STEPS} - {"erase"})), st.integers(min_value=0, max_value=2**16))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as world:
        yield world


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=30))
async def test_the_path_of_every_version_is_the_aggregates(steps: list[tuple[str, int]]) -> None:
    log, history = MemoryEventLog(), History()
    await history.play(steps, log)

    with tempfile.TemporaryDirectory() as directory, closing(ReadModels.open(Path(directory) / "views")) as models:
        models.follow(log).catch_up()
        for builder in history.sessions:
            assert models.conversation.path(builder.id) == builder.path
            for event in builder.events:
                at = event.originator_version
                assert models.conversation.path(builder.id, at) == list(builder.as_of(at).path)


async def test_hunks_of_one_event_count_in_the_path_before_it(world: World) -> None:
    chat = SessionBuilder()
    one, two, three, four = [chat.say(text) for text in ("one", "two", "three", "four")]
    splices = [paths.splice(0, [one], []), paths.splice(2, [three], [one]), paths.splice(4, [], [three])]
    chat.session.receive(turn=None, operations=[Rearrange("reorder", splices)])
    chat.say("five")

    await world.see(chat)

    assert world.models.conversation.path(chat.id) == chat.path == [two, one, four, three, chat.version]


async def test_the_path_keeps_its_order_when_no_room_is_left_between_two_messages(world: World) -> None:
    chat = SessionBuilder()
    first, last = chat.say("first"), chat.say("last")
    for n in range(25):
        chat.session.receive(turn=None, operations=[Append(_backfilled(f"middle {n}"))])
        version = chat.session.version
        chat.arrange("backfill", [first, version, *chat.path[1:]])
    versions = [event.originator_version for event in chat.events]

    await world.see(chat)

    conversation = world.models.conversation
    assert conversation.path(chat.id) == chat.path
    assert chat.path[-1] == last
    assert [conversation.path(chat.id, at) for at in versions] == [list(chat.as_of(at).path) for at in versions]


async def test_a_splice_touches_only_the_rows_it_names(world: World) -> None:
    chat = SessionBuilder()
    said = [chat.say(f"message {n}") for n in range(50)]
    await world.see(chat)
    chat.edit(said[20], "edited")
    edited_at = chat.version

    await world.see(chat)

    count = "SELECT count(*) FROM spans WHERE from_version = ? OR until_version = ?"
    assert world.models.views.read().execute(count, (edited_at, edited_at)).fetchone() == (2,)


async def test_an_edit_has_the_role_name_and_date_of_what_it_replaces(world: World) -> None:
    chat = SessionBuilder()
    asked = chat.say("Where is it")
    edited = chat.edit(asked, "Where is she?")

    await world.see(chat)

    (message,) = world.models.conversation.messages(chat.id)
    former = world.models.conversation.find(chat.id, [asked])[asked]
    assert (message.version, message.text, message.edited, message.replaces) == (edited, "Where is she?", True, asked)
    assert (message.role, message.name, message.said_at) == (former.role, former.name, former.said_at)
    assert not former.edited


async def test_a_continued_reply_takes_the_place_of_the_shorter_one(world: World) -> None:
    chat = SessionBuilder()
    chat.say("Tell me")
    chat.reply("Once upon")
    longer = chat.extend("Once upon a time")

    await world.see(chat)

    last = world.models.conversation.tail(chat.id, 1)[0]
    assert (last.version, last.role, last.text, last.origin) == (longer, "assistant", "Once upon a time", "model")


async def test_a_second_choice_is_stored_but_not_on_the_path(world: World) -> None:
    chat = SessionBuilder()
    chat.say("Choose")
    first = chat.reply("one", "two")

    await world.see(chat)

    assert world.models.conversation.path(chat.id)[-1] == first
    assert world.models.conversation.texts(chat.id, [first + 1]) == {first + 1: "two"}


async def test_what_is_not_in_view_stands_behind_the_message_that_it_stood_behind(world: World) -> None:
    chat = SessionBuilder()
    asked = chat.say("Choose")
    first = chat.reply("one", "two")
    swiped_at = chat.version + 1
    swiped_in = chat.swipe("three")
    edited = chat.edit(asked, "Choose well")

    await world.see(chat)

    found = world.models.conversation.siblings(chat.id)
    assert [(one.message.text, one.after) for one in found] == [("Choose", None), ("one", edited), ("two", edited)]
    assert [one.left for one in found] == [edited + 1, swiped_at, None]
    assert chat.path == [edited, swiped_in]
    assert [one.message.version for one in world.models.conversation.siblings(chat.id, first)] == []


async def test_a_fork_reads_its_ancestors_texts_and_goes_its_own_way(world: World) -> None:
    chat = SessionBuilder()
    hello = chat.say("Hello")
    forked_at = chat.version
    chat.say("parent only")
    fork = chat.fork("chat-2", forked_at)
    own = fork.say("fork only")

    await world.see(chat, fork)

    conversation = world.models.conversation
    assert [message.text for message in conversation.messages(fork.id)] == ["Hello", "fork only"]
    assert conversation.texts(fork.id, range(1, 20)) == {hello: "Hello", own: "fork only"}
    assert conversation.messages(fork.id, forked_at) == conversation.messages(chat.id, forked_at)
    assert conversation.messages(fork.id)[0].session == chat.id.hex


async def test_the_axis_of_a_forks_fork_is_made_of_three_sessions(world: World) -> None:
    chat = SessionBuilder()
    chat.say()
    child = chat.fork("chat-2")
    child.say()
    grandchild = child.fork("chat-3")
    await world.see(chat, child, grandchild)

    stretches = world.models.lineage.stretches(grandchild.id, grandchild.version)

    assert [(one.origin, one.after, one.upto) for one in stretches] == [
        (chat.id.hex, 0, chat.version),
        (child.id.hex, chat.version, child.version),
        (grandchild.id.hex, child.version, grandchild.version),
    ]
    assert [one.upto for one in world.models.lineage.stretches(grandchild.id, 1)] == [1]


async def test_a_fork_can_edit_its_ancestors_message(world: World) -> None:
    chat = SessionBuilder()
    hello = chat.say("Hello")
    fork = chat.fork("chat-2")
    fork.edit(hello, "Goodbye")

    await world.see(chat, fork)

    assert [message.text for message in world.models.conversation.messages(fork.id)] == ["Goodbye"]
    assert [message.text for message in world.models.conversation.messages(chat.id)] == ["Hello"]


async def test_pages_follow_one_another_along_the_path(world: World) -> None:
    chat = SessionBuilder()
    said = [chat.say(f"message {n}") for n in range(5)]
    chat.arrange("reorder", said[::-1])
    await world.see(chat)

    first = world.models.conversation.messages(chat.id, limit=2)
    second = world.models.conversation.messages(chat.id, after=first[-1].version, limit=2)

    assert [message.version for message in [*first, *second]] == said[::-1][:4]
    assert world.models.conversation.messages(chat.id, after=999) == []


async def test_sessions_are_found_by_a_message_that_they_know_on_a_path_or_not(world: World) -> None:
    chat, other, strange = SessionBuilder("a"), SessionBuilder("b"), SessionBuilder("a", owner="somebody else")
    for builder in (chat, other, strange):
        builder.say("Hello")
        builder.reply("I am the moon")
    other.swipe("I am the sun")
    await world.see(chat, other, strange)

    found = world.models.conversation.sessions_with("local", fingerprint("assistant", "I AM the moon"), 5)

    assert found == {other.id.hex: True, chat.id.hex: True}


async def test_those_that_heard_it_latest_are_found_first(world: World) -> None:
    chats = [SessionBuilder(name) for name in ("a", "b", "c")]
    for chat in chats:
        chat.reply("I am the moon")
    await world.see(*chats)

    found = world.models.conversation.sessions_with("local", fingerprint("assistant", "I am the moon"), 2)

    assert list(found) == [chats[2].id.hex, chats[1].id.hex]


async def test_a_greeting_of_the_client_is_no_reply_of_ours(world: World) -> None:
    chat = SessionBuilder()
    chat.say("I am the moon", "assistant")
    await world.see(chat)

    found = world.models.conversation.sessions_with("local", fingerprint("assistant", "I am the moon"), 5)

    assert found == {chat.id.hex: False}


async def test_a_fork_knows_what_it_has_of_its_parent(world: World) -> None:
    chat = SessionBuilder("a")
    chat.say("one")
    fork = chat.fork("b")
    chat.say("two")
    await world.see(chat, fork)

    conversation = world.models.conversation
    assert set(conversation.sessions_with("local", fingerprint("user", "one"), 5)) == {chat.id.hex, fork.id.hex}
    assert set(conversation.sessions_with("local", fingerprint("user", "two"), 5)) == {chat.id.hex}


async def test_messages_are_known_without_their_texts(world: World) -> None:
    chat = SessionBuilder()
    said = chat.say("Hello")
    first = chat.reply("I am the moon")
    second = chat.swipe("I am the sun")
    chat.forget(said)
    await world.see(chat)

    familiar = world.models.conversation.familiar(chat.id)

    assert {version: (one.role, one.ours) for version, one in familiar.items()} == {
        said: ("user", False),
        first: ("assistant", True),
        second: ("assistant", True),
    }
    assert familiar[first].key == fingerprint("assistant", "I am the moon")
    assert familiar[said].key != fingerprint("user", "Hello")
    assert list(world.models.conversation.familiar(chat.id, after=first)) == [second]


async def test_the_former_path_of_a_message_is_the_one_it_stood_on_last(world: World) -> None:
    chat = SessionBuilder()
    chat.say("Hello")
    first = chat.reply("I am the moon")
    once = chat.path
    fork = chat.fork("b")
    chat.swipe("I am the sun")
    fork.swipe("I am a star")
    await world.see(chat, fork)

    conversation = world.models.conversation
    assert conversation.former_path(chat.id, first) == once
    assert conversation.former_path(fork.id, first) == once
    assert conversation.former_path(chat.id, chat.path[-1]) == chat.path
    assert conversation.former_path(chat.id, 999) == []


async def test_when_a_message_left_the_path_is_told_of_that_session_alone(world: World) -> None:
    chat = SessionBuilder()
    chat.say("Hello")
    fork = chat.fork("b")
    chat.say("Who are you?")
    theirs, own = chat.reply("I am the moon"), fork.reply("I am a star")
    assert theirs == own  # the same number, another message
    chat.swipe("I am the sun")
    left = next(event.originator_version for event in chat.events if isinstance(event, PathChanged))
    fork.say("Which one?")
    await world.see(chat, fork)

    conversation = world.models.conversation
    assert conversation.left(chat.id, theirs, chat.version) == left
    assert conversation.left(chat.id, theirs, left - 1) is None
    assert conversation.left(fork.id, own, fork.version) is None


async def test_a_forgotten_message_leaves_a_blank_in_the_past(world: World) -> None:
    chat = SessionBuilder()
    secret = chat.say("my secret")
    said_at = chat.version
    chat.forget(secret)

    await world.see(chat)

    conversation = world.models.conversation
    (blank,) = conversation.messages(chat.id, said_at)
    assert (blank.forgotten, blank.text) == (True, "")
    assert conversation.messages(chat.id) == []
    assert conversation.texts(chat.id, [secret]) == {}


async def test_what_a_fork_forgets_its_ancestor_does_not_know_either(world: World) -> None:
    chat = SessionBuilder()
    secret = chat.say("my secret")
    fork = chat.fork("chat-2")
    fork.forget(secret)

    await world.see(chat, fork)

    assert world.models.conversation.texts(chat.id, [secret]) == {}


async def test_an_erased_session_is_gone_but_for_what_a_living_fork_continues(world: World) -> None:
    chat = SessionBuilder()
    chat.say("common")
    fork = chat.fork("chat-2")
    late = chat.say("the parent's own")
    await world.see(chat, fork)
    chat.erase()

    await world.see(chat)

    conversation = world.models.conversation
    assert conversation.path(chat.id) == []
    assert [message.text for message in conversation.messages(fork.id)] == ["common"]
    assert conversation.path(fork.id, 2) == fork.path
    rows = world.models.views.read().execute("SELECT version FROM messages").fetchall()
    assert (late,) not in rows


async def test_nothing_is_left_when_the_last_fork_is_erased_too(world: World) -> None:
    chat = SessionBuilder()
    chat.say("common")
    fork = chat.fork("chat-2")
    fork.say("own")
    await world.see(chat, fork)
    chat.erase()
    fork.erase()

    await world.see(chat, fork)

    for table in ("messages", "spans", "terms", "vectors_wanted", "sessions", "conversations"):
        assert world.models.views.read().execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_places_are_spread_between_their_neighbours() -> None:
    places = spans._places(0, 100, 3)  # pyright: ignore[reportPrivateUsage] - the arithmetic alone

    assert places == [25, 50, 75]


def _backfilled(text: str) -> Message:
    return Message(role="user", text=text, said_at="2026-01-01T00:00:00+00:00", origin="backfilled")
