"""The rules of a session: given what happened, when it is told to do something, then this happens or is refused."""

import copy
from collections.abc import Callable

import pytest

from domain.errors import Conflict, InvalidRequest, NotFound
from domain.operations import Append, Edit, Rearrange
from domain.path import digest, splice
from domain.session import Session, session_id
from domain.summary import Extract
from tests.session_facts import (
    DIALOGUE,
    context,
    detected,
    edited,
    erased,
    forked,
    instructed,
    instruction,
    message,
    path_changed,
    persona_defined,
    reply,
    said,
    started,
    summarised,
    turn_opened,
)
from tests.specification import EXTERNAL_ID, OWNER, fact_of, given, history_of, replayed, state_of

# -- coming into being -------------------------------------------------------------------------------------------------


def test_a_new_session_has_one_event_and_nothing_said():
    session = Session.start(owner=OWNER, external_id=EXTERNAL_ID, identified_by="header")

    assert [fact_of(event) for event in session.collect()] == [started()]
    assert (session.version, list(session.path), session.open_turn) == (1, [], None)


def test_the_same_owner_and_name_are_the_same_session():
    assert session_id("anna", "diary") == session_id("anna", "diary")
    assert session_id("anna", "diary") != session_id("ben", "diary")


def test_what_was_collected_is_not_collected_again():
    session = Session.start(owner=OWNER, external_id=EXTERNAL_ID, identified_by="header")
    session.collect()

    assert session.collect() == []


def test_a_fork_takes_over_what_its_parent_decides_on_and_counts_on_from_there():
    parent = given(
        started(), instructed("Be kind."), persona_defined(2), said("Hi"), summarised([[4, 4]], [4]), turn_opened()
    ).session

    child = parent.fork("other")

    assert [fact_of(event) for event in child.collect()] == [
        forked(
            6,
            [[4, 4]],
            [[4, 4]],
            external_id="other",
            parent=parent.id.hex,
            instructions={instruction("Be kind.").sha256: 2},
            personas={digest([2]): 3},
        )
    ]
    assert (child.id, child.version, child.owner) == (session_id(OWNER, "other"), 7, OWNER)
    assert child.open_turn is None


def test_a_fork_knows_its_ancestors_messages_instructions_and_personas():
    known = instruction("Be kind.")
    child = given(forked(6, [[4, 4]], [[4, 5]], instructions={known.sha256: 2}, personas={digest([2]): 3}))

    outcome = child.when(
        lambda session: session.receive(
            turn="t1", instructions=[known], leading=1, operations=[Rearrange("swipe", [splice(0, [4], [5])])]
        )
    )

    session = outcome.then(path_changed("swipe", splice(0, [4], [5])))
    assert outcome.returned is not None
    assert (outcome.returned.instructions, outcome.returned.persona) == ([2], 3)
    assert session.version == 8


def test_what_a_fork_does_leaves_its_parent_alone():
    parent = given(*DIALOGUE).session
    before = copy.deepcopy(state_of(parent))

    child = parent.fork("other")
    child.receive(turn="t2", instructions=[instruction("Be kind.")], leading=1, operations=[Append(message("And?"))])

    assert state_of(parent) == before
    assert list(child.path) == [2, 4, 8]


# -- receiving ---------------------------------------------------------------------------------------------------------


def test_messages_join_the_path_in_the_order_received():
    outcome = given(started()).when(
        lambda session: session.receive(
            turn="t1", operations=[Append(message("Hi")), Append(message("Hello", "assistant"))]
        )
    )

    session = outcome.then(said("Hi"), said("Hello", "assistant"))
    assert outcome.returned is not None
    assert outcome.returned.messages == [2, 3]
    assert list(session.path) == [2, 3]


def test_the_same_text_twice_is_two_messages():
    (
        given(started(), said("Hi"))
        .when(lambda session: session.receive(turn="t1", operations=[Append(message("Hi"))]))
        .then(said("Hi"))
    )


def test_a_backfilled_message_waits_for_its_place_on_the_path():
    session = (
        given(started(), said("Later"))
        .when(lambda session: session.receive(turn=None, operations=[Append(message("Sooner", origin="backfilled"))]))
        .then(said("Sooner", turn=None, origin="backfilled"))
    )
    assert list(session.path) == [2]

    given(started(), said("Later"), said("Sooner", turn=None, origin="backfilled")).when(
        lambda session: session.receive(turn=None, operations=[Rearrange("backfill", [splice(0, [], [3])])])
    ).then(path_changed("backfill", splice(0, [], [3])))


def test_an_imported_message_joins_the_path():
    session = (
        given(started())
        .when(lambda session: session.receive(turn=None, operations=[Append(message("Hi", origin="imported"))]))
        .then(said("Hi", turn=None, origin="imported"))
    )
    assert list(session.path) == [2]


def test_an_instruction_is_stored_once():
    outcome = given(started(), instructed("Be kind.")).when(
        lambda session: session.receive(
            turn="t1", instructions=[instruction("Be kind."), instruction("Be brief."), instruction("Be brief.")]
        )
    )

    outcome.then(instructed("Be brief."))
    assert outcome.returned is not None
    assert outcome.returned.instructions == [2, 3, 3]
    assert outcome.returned.persona is None


def test_a_new_list_of_leading_instructions_is_a_new_persona():
    outcome = given(started(), instructed("Be kind."), persona_defined(2)).when(
        lambda session: session.receive(
            turn="t1", instructions=[instruction("Be kind."), instruction("Be brief."), instruction("Now.")], leading=2
        )
    )

    outcome.then(instructed("Be brief."), instructed("Now."), persona_defined(2, 4))
    assert outcome.returned is not None
    assert outcome.returned.persona == 6


def test_the_return_of_a_persona_is_no_event():
    outcome = given(
        started(), instructed("Be kind."), persona_defined(2), instructed("Be brief."), persona_defined(4)
    ).when(lambda session: session.receive(turn="t1", instructions=[instruction("Be kind.")], leading=1))

    outcome.then()
    assert outcome.returned is not None
    assert outcome.returned.persona == 3


def test_an_edit_takes_the_place_of_the_old_text():
    outcome = given(*DIALOGUE).when(lambda session: session.receive(turn="t2", operations=[Edit(2, "Hey")]))

    session = outcome.then(edited(2, "Hey", "t2"), path_changed("edit", splice(0, [2], [5])))
    assert outcome.returned is not None
    assert outcome.returned.messages == [5]
    assert list(session.path) == [5, 4]


def test_an_edit_of_a_message_off_the_path_leaves_the_path_alone():
    session = (
        given(*DIALOGUE, path_changed("swipe", splice(1, [4], [])))
        .when(lambda session: session.receive(turn="t2", operations=[Edit(4, "Hello!")]))
        .then(edited(4, "Hello!", "t2"))
    )
    assert list(session.path) == [2]


def test_messages_that_left_the_path_can_return():
    session = (
        given(*DIALOGUE, path_changed("swipe", splice(1, [4], [])))
        .when(lambda session: session.receive(turn="t2", operations=[Rearrange("restore", [splice(1, [], [4])])]))
        .then(path_changed("restore", splice(1, [], [4])))
    )
    assert list(session.path) == [2, 4]


def test_a_rearrangement_that_moves_nothing_is_no_event():
    (given(*DIALOGUE).when(lambda session: session.receive(turn="t2", operations=[Rearrange("reorder", [])])).then())


@pytest.mark.parametrize("version", [1, 3, 5, 99])
def test_the_path_refuses_what_is_not_a_message_of_the_session(version: int):
    error = (
        given(*DIALOGUE)
        .when(lambda session: session.receive(turn="t2", operations=[Rearrange("restore", [splice(2, [], [version])])]))
        .refused(InvalidRequest)
    )
    assert error.param == "version"


def test_the_path_refuses_to_lose_what_does_not_stand_there():
    given(*DIALOGUE).when(
        lambda session: session.receive(turn="t2", operations=[Rearrange("swipe", [splice(0, [4], [])])])
    ).refused(Conflict)


def test_an_edit_of_what_is_no_message_is_refused():
    given(*DIALOGUE).when(lambda session: session.receive(turn="t2", operations=[Edit(3, "Hey")])).refused(
        InvalidRequest
    )


# -- whom it belongs to, and its end -----------------------------------------------------------------------------------


def test_to_anyone_but_its_owner_a_session_does_not_exist():
    given(*DIALOGUE).when(lambda session: session.belongs_to(OWNER)).then()
    given(*DIALOGUE).when(lambda session: session.belongs_to("ben")).refused(NotFound)


def test_an_erased_session_remembers_only_that_it_was_erased():
    session = given(*DIALOGUE).when(lambda session: session.erase({"events": 2})).then(erased())
    assert session.erased


INTENTS: dict[str, Callable[[Session], object]] = {
    "fork": lambda session: session.fork("other"),
    "receive": lambda session: session.receive(turn=None),
    "begin_turn": lambda session: session.begin_turn("t1", emotions=[], context=context()),
    "complete_turn": lambda session: session.complete_turn("t1", [reply("Hello")]),
    "fail_turn": lambda session: session.fail_turn("t1", code="timeout", detail=""),
    "detect": lambda session: session.detect([]),
    "rewind": lambda session: session.rewind(1, []),
    "summarise": lambda session: session.summarise(
        Extract(text="", cites=[]), count=1, digest="", previous=None, model=""
    ),
    "carry": lambda session: session.carry(source_session=session.id, source_version=2, message=message("Hi")),
    "forget": lambda session: session.forget(2, versions=[2], keyed_digests=[], counts={}),
    "erase": lambda session: session.erase({}),
}


@pytest.mark.parametrize("intent", INTENTS)
def test_nothing_follows_erasure(intent: str):
    error = given(*DIALOGUE, turn_opened("t1"), erased()).when(INTENTS[intent]).refused(NotFound)
    assert error.param == "session_id"


# -- replay ------------------------------------------------------------------------------------------------------------


def test_a_session_made_by_commands_is_the_one_its_events_make():
    session = Session.start(owner=OWNER, external_id=EXTERNAL_ID, identified_by="new", user="anna@example.org")
    for turn in ("t1", "t2"):
        received = session.receive(
            turn=turn, instructions=[instruction("Be kind.")], leading=1, operations=[Append(message("Hi"))]
        )
        query = received.messages[0]
        session.begin_turn(turn, emotions=[detected(query)], context=context(query=query))
        session.complete_turn(turn, [reply("Hello"), reply("Hey")])
    session.rewind(8, [4, 7])

    assert list(session.path) == [4, 7]
    assert state_of(replayed(history_of(session))) == state_of(session)


def test_a_copy_of_a_session_goes_its_own_way():
    session = given(forked(20_000, [[1, 10_000]], [[1, 20_000]])).session

    twin = copy.deepcopy(session)
    twin.rewind(1, [1])

    assert len(session.path) == 10_000
    assert list(twin.path) == [1]
