"""Which version of a session was applied last is known of the sessions followed latest."""

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
