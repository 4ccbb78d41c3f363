"""The rules of a session around its turns, and of what is noted beside them."""

from collections.abc import Callable

import pytest

from domain.errors import Conflict, InvalidRequest, SummaryOutdated, TurnAlreadyOpen
from domain.events import MemoryCarried
from domain.operations import Append, Rearrange
from domain.path import digest, splice
from domain.session import Session, session_id
from domain.summary import Extract
from tests.session_facts import (
    DIALOGUE,
    NOW,
    context,
    detected,
    edited,
    emotion_detected,
    extended,
    forgotten,
    message,
    path_changed,
    replied,
    reply,
    rewound,
    said,
    started,
    summarised,
    turn_failed,
    turn_opened,
)
from tests.specification import OWNER, Fact, given

# -- turns -------------------------------------------------------------------------------------------------------------


def test_a_turn_opens_with_the_emotions_read_and_the_context_built():
    session = (
        given(started(), said("Hi"))
        .when(lambda session: session.begin_turn("t1", emotions=[detected(2)], context=context(query=2)))
        .then(emotion_detected(2), turn_opened("t1", query=2))
    )
    assert session.open_turn is not None
    assert (session.open_turn.id, session.open_turn.query) == ("t1", 2)


def test_a_turn_may_have_no_query():
    (
        given(started())
        .when(lambda session: session.begin_turn("t1", emotions=[], context=context("empty")))
        .then(turn_opened("t1", "empty"))
    )


def test_a_turn_refuses_a_query_that_is_no_message():
    given(started()).when(lambda session: session.begin_turn("t1", emotions=[], context=context(query=1))).refused(
        InvalidRequest
    )


INTRUSIONS: dict[str, Callable[[Session], object]] = {
    "begin_turn": lambda session: session.begin_turn("t2", emotions=[], context=context()),
    "receive": lambda session: session.receive(turn="t2", operations=[Append(message("And?"))]),
    "rewind": lambda session: session.rewind(1, []),
}


@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_while_a_turn_is_open_no_other_begins_and_the_path_stays(intrusion: str):
    given(started(), said("Hi"), turn_opened(query=2)).when(INTRUSIONS[intrusion]).refused(TurnAlreadyOpen)


def test_a_reply_closes_the_turn_and_joins_the_path():
    outcome = given(started(), said("Hi"), turn_opened(query=2)).when(
        lambda session: session.complete_turn("t1", [reply("Hello")])
    )

    session = outcome.then(replied("Hello"))
    assert outcome.returned == [4]
    assert list(session.path) == [2, 4]
    assert session.open_turn is None


def test_of_several_replies_the_first_joins_the_path_and_the_others_can_take_its_place():
    outcome = given(started(), said("Hi"), turn_opened(query=2)).when(
        lambda session: session.complete_turn("t1", [reply("Hello"), reply("Hey")])
    )
    session = outcome.then(replied("Hello"), replied("Hey", choice=1))
    assert outcome.returned == [4, 5]
    assert list(session.path) == [2, 4]

    given(*DIALOGUE, replied("Hey", choice=1)).when(
        lambda session: session.receive(turn="t2", operations=[Rearrange("swipe", [splice(1, [4], [5])])])
    ).then(path_changed("swipe", splice(1, [4], [5])))


def test_a_turn_is_not_completed_by_nothing():
    given(started(), turn_opened("t1", "empty")).when(lambda session: session.complete_turn("t1", [])).refused(
        InvalidRequest
    )


def test_a_continued_message_gives_way_to_the_longer_one():
    outcome = given(*DIALOGUE, turn_opened("t2", "continue", 4)).when(
        lambda session: session.complete_turn("t2", [reply("Hello there"), reply("Hello you")])
    )

    session = outcome.then(
        extended(4, "Hello there", "t2"),
        extended(4, "Hello you", "t2", choice=1),
        path_changed("extend", splice(1, [4], [6])),
    )
    assert outcome.returned == [6, 7]
    assert list(session.path) == [2, 6]
    assert session.open_turn is None


def test_a_failed_turn_is_closed_and_the_message_stays():
    session = (
        given(started(), said("Hi"), turn_opened(query=2))
        .when(lambda session: session.fail_turn("t1", code="timeout", detail="No answer."))
        .then(turn_failed("t1", "timeout", "No answer."))
    )
    assert list(session.path) == [2]
    assert session.open_turn is None


@pytest.mark.parametrize("before", [DIALOGUE, (started(), turn_opened("t2"))], ids=["none open", "another one open"])
def test_a_turn_that_is_not_open_cannot_end(before: tuple[Fact, ...]):
    given(*before).when(lambda session: session.complete_turn("t1", [reply("Hello")])).refused(Conflict)
    given(*before).when(lambda session: session.fail_turn("t1", code="timeout", detail="")).refused(Conflict)


# -- what is noted beside the turns ------------------------------------------------------------------------------------


def test_emotions_can_be_noted_while_a_turn_is_open():
    (
        given(started(), said("Hi"), turn_opened(query=2))
        .when(lambda session: session.detect([detected(2)]))
        .then(emotion_detected(2))
    )


def test_an_emotion_of_what_is_no_message_is_refused():
    given(*DIALOGUE).when(lambda session: session.detect([detected(3)])).refused(InvalidRequest)


def test_a_rewind_makes_the_path_what_it_was():
    session = (
        given(*DIALOGUE, said("And?"))
        .when(lambda session: session.rewind(2, [2]))
        .then(rewound(2), path_changed("rewind", splice(1, [4, 5], [])))
    )
    assert list(session.path) == [2]


def test_a_rewind_that_leaves_the_path_as_it_is_leaves_what_came_since():
    given(*DIALOGUE).when(lambda session: session.rewind(4, [2, 4])).then(rewound(4))


def test_a_summary_names_what_it_covers_and_the_one_it_continues():
    def summarise(session: Session) -> None:
        met = Extract(text="They met.", cites=[2])
        session.summarise(met, count=2, digest=digest([2, 4]), previous=5, model="extractive")

    given(*DIALOGUE, summarised([[2, 2]], [2])).when(summarise).then(summarised([[2, 2], [4, 4]], [2, 4], previous=5))


@pytest.mark.parametrize(
    ("count", "covered"),
    [(2, [2, 3]), (3, [2, 4]), (0, []), (-1, [2])],
    ids=["another path", "longer than the path", "nothing", "negative"],
)
def test_a_summary_of_what_the_path_does_not_begin_with_is_outdated(count: int, covered: list[int]):
    given(*DIALOGUE).when(
        lambda session: session.summarise(
            Extract(text="", cites=[]), count=count, digest=digest(covered), previous=None, model="m"
        )
    ).refused(SummaryOutdated)


def test_a_memory_is_carried_over_with_its_text_and_stays_off_the_path():
    source = session_id(OWNER, "elsewhere")

    session = (
        given(started())
        .when(lambda session: session.carry(source_session=source, source_version=7, message=message("I like tea.")))
        .then(
            Fact(
                MemoryCarried,
                {
                    "source_session": source.hex,
                    "source_version": 7,
                    "role": "user",
                    "name": None,
                    "text": "I like tea.",
                    "said_at": NOW,
                },
            )
        )
    )
    assert list(session.path) == []


def test_forgetting_takes_the_message_and_its_revisions_off_the_path():
    session = (
        given(*DIALOGUE, edited(2, "Hey"), path_changed("edit", splice(0, [2], [5])))
        .when(lambda session: session.forget(2, versions=[2, 5], keyed_digests=["k"], counts={"messages": 1}))
        .then(path_changed("remove", splice(0, [5], [])), forgotten(2, 2, 5))
    )
    assert list(session.path) == [4]


def test_forgetting_a_message_off_the_path_leaves_the_path_alone():
    (
        given(*DIALOGUE, path_changed("swipe", splice(1, [4], [])))
        .when(lambda session: session.forget(4, versions=[4], keyed_digests=["k"], counts={"messages": 1}))
        .then(forgotten(4, 4))
    )


def test_the_message_to_forget_leaves_the_path_even_if_it_has_no_other_versions():
    session = (
        given(*DIALOGUE)
        .when(lambda session: session.forget(4, versions=[], keyed_digests=["k"], counts={"messages": 1}))
        .then(path_changed("remove", splice(1, [4], [])), forgotten(4))
    )
    assert list(session.path) == [2]


def test_only_messages_can_be_forgotten():
    given(*DIALOGUE).when(lambda session: session.forget(3, versions=[3], keyed_digests=[], counts={})).refused(
        InvalidRequest
    )
