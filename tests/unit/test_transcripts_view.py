"""What clients' prompts looked like, as of any version."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import SessionBuilder, record
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as world:
        yield world


def prompted(chat: SessionBuilder, **facts: object) -> int:
    """A turn whose prompt looked so; returns the session's version after it."""
    chat.say("Hello")
    chat.open_turn(transcript=record(**facts))  # pyright: ignore[reportArgumentType] - passed on as they are
    chat.complete("Good evening")
    return chat.version


async def test_the_latest_prompts_are_told_oldest_first(world: World) -> None:
    chat = SessionBuilder()
    early = prompted(chat, ending=7)
    prompted(chat, ending=8)
    await world.see(chat)

    transcripts = world.models.transcripts
    assert [prompt["ending"] for prompt in transcripts.prompts(chat.id).latest] == [7, 8]
    last = transcripts.prompts(chat.id, early).last
    assert last is not None
    assert last["ending"] == 7


async def test_each_persona_has_its_own_last_instructions(world: World) -> None:
    chat = SessionBuilder()
    for persona, ending in ((1, 7), (1, 8), (2, 9), (2, None), (None, 10), (3, None)):
        prompted(chat, persona=persona, ending=ending)
    await world.see(chat)

    endings = world.models.transcripts.prompts(chat.id).endings

    assert endings == {1: {7, 8}, 2: {9}, None: {10}, 3: set()}


async def test_what_was_learned_stays_learned_and_a_fork_knows_it(world: World) -> None:
    chat = SessionBuilder()
    early = prompted(chat, learned=[5])
    fork = chat.fork("b")
    prompted(chat, learned=[5, 6])
    await world.see(chat, fork)

    transcripts = world.models.transcripts
    assert transcripts.prompts(chat.id).learned == {5, 6}
    assert transcripts.prompts(chat.id, early).learned == {5}
    assert transcripts.prompts(fork.id).learned == {5}


async def test_what_a_rewind_cut_off_is_known_until_a_prompt_shows_the_cut(world: World) -> None:
    chat = SessionBuilder()
    before = prompted(chat)
    kept = chat.path
    prompted(chat)
    gone = set(chat.path) - set(kept)
    chat.rewind(before)
    rewound = chat.version
    still = prompted(chat, ignored=2)
    prompted(chat)
    await world.see(chat)

    transcripts = world.models.transcripts
    assert transcripts.prompts(chat.id, before).cut == set()
    assert transcripts.prompts(chat.id, rewound).cut == gone
    assert transcripts.prompts(chat.id, still).cut == gone
    assert transcripts.prompts(chat.id).cut == set()


async def test_what_another_rewind_puts_back_is_cut_off_no_more(world: World) -> None:
    chat = SessionBuilder()
    before = prompted(chat)
    after = prompted(chat)
    chat.rewind(before)
    chat.rewind(after)
    await world.see(chat)

    assert world.models.transcripts.prompts(chat.id).cut == set()


async def test_nothing_is_left_of_an_erased_session(world: World) -> None:
    chat = SessionBuilder()
    before = prompted(chat, learned=[5], ending=7)
    prompted(chat)
    chat.rewind(before)
    chat.erase()
    await world.see(chat)

    for table in ("prompts", "endings", "injections", "cuts"):
        assert world.models.views.read().execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
