"""Which version of a session was applied last is known of the sessions followed latest."""

import asyncio

import pytest

from projections.latest_versions import LatestVersions
from projections.ports import LoggedEvent
from tests.builders import SessionBuilder


def logged(chat: SessionBuilder) -> list[LoggedEvent]:
    return [LoggedEvent(position=n, chain="", event=event) for n, event in enumerate(chat.events, 1)]


def test_the_last_event_tells_the_version() -> None:
    latest, chat = LatestVersions(), SessionBuilder()
    version = chat.say()

    latest.note(logged(chat))

    assert latest.of(chat.id) == version
    assert latest.of(SessionBuilder(external_id="another").id) == 0


def test_the_session_followed_longest_ago_is_given_up_first() -> None:
    latest, chats = LatestVersions(keep=2), [SessionBuilder(external_id=f"chat {n}") for n in range(3)]
    for chat in (chats[0], chats[1], chats[0], chats[2]):
        latest.note(logged(chat))

    assert [latest.of(chat.id) for chat in chats] == [1, 0, 1]


async def test_who_waits_for_a_session_is_told_of_its_next_event_only() -> None:
    latest, chat, other = LatestVersions(), SessionBuilder(), SessionBuilder(external_id="another")
    latest.note(logged(chat))
    waiting = asyncio.ensure_future(latest.beyond(chat.id, chat.version, seconds=60))
    await asyncio.sleep(0)

    latest.note(logged(other))
    await asyncio.sleep(0.01)
    assert not waiting.done()

    chat.say()
    latest.note(logged(chat))
    await asyncio.wait_for(waiting, 1)


async def test_who_is_behind_or_waited_long_enough_goes_on() -> None:
    latest, chat = LatestVersions(), SessionBuilder()
    latest.note(logged(chat))

    await asyncio.wait_for(latest.beyond(chat.id, 0, seconds=60), 1)
    await asyncio.wait_for(latest.beyond(chat.id, chat.version, seconds=0.001), 1)


async def test_who_left_is_told_nothing_and_the_others_are() -> None:
    latest, chat = LatestVersions(), SessionBuilder()
    gone, waiting = (asyncio.ensure_future(latest.beyond(chat.id, 0, seconds=60)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()

    latest.note(logged(chat))

    await asyncio.wait_for(waiting, 1)
    with pytest.raises(asyncio.CancelledError):
        await gone
