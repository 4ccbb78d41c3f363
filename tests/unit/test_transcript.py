"""The twelve rules by which a client's transcript is understood, each by what becomes of the path.

A chat is written as its lines, `u` the user's and `a` the assistant's; `Memory` does what the server would.
"""

import sys
import time
from collections.abc import Sequence

import pytest

from domain.events import MessageEdited, MessageReceived, PathChanged
from domain.keys import fingerprint
from domain.known import Familiar, Known
from domain.operations import Settle
from domain.prompt import Prompt
from domain.transcript import Reconciliation, reconcile
from tests.knowing import Memory
from tests.prompts import LAST, PERSONA, prompt, tavern

GREETING = "a Sit down, the kettle is nearly there."
CHAT = [
    GREETING,
    *("u What a storm.", "a It will pass by morning."),
    *("u Who lives here?", "a Only me and the lamp."),
    *("u May I stay?", "a As long as you like."),
]


def talked(chat: Sequence[str] = CHAT) -> Memory:
    """A session in which this chat took place turn by turn, with a client that sends all of it each time."""
    memory = Memory()
    for place, line in enumerate(chat):
        if line.startswith("u "):
            memory.send(tavern(chat[: place + 1]), reply=chat[place + 1][2:])
    assert memory.path == list(chat)
    return memory


def kinds(memory: Memory, kind: type) -> int:
    return sum(isinstance(event, kind) for event in memory.events)


# -- rule 1: instructions are not dialogue -----------------------------------------------------------------------------


def test_system_messages_are_none_of_the_path_wherever_they_stand():
    memory = Memory()

    memory.send(prompt("s First.", GREETING, "s In between.", "u Hello", "s Last."), reply="Good evening.")

    assert memory.path == [GREETING, "u Hello", "a Good evening."]
    assert memory.instructions == ["First.", "In between.", "Last."]


def test_instructions_that_move_change_nothing():
    memory = talked()
    moved = [*CHAT[:3], "s [A note.]", *CHAT[3:], "u Thanks."]

    result = memory.send(tavern(moved))

    assert result.kind == "new"
    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


# -- rule 2: missing at the head means trimmed -------------------------------------------------------------------------


def test_what_is_missing_at_the_head_was_trimmed_and_stays():
    memory = talked()

    memory.send(tavern([*CHAT[4:], "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


def test_what_was_trimmed_comes_back_as_it_was():
    memory = talked()
    memory.send(tavern([*CHAT[4:], "u Thanks."]))

    memory.send(tavern([*CHAT, "u Thanks.", "a Fine.", "u All of it."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine.", "u All of it.", "a Fine."]
    assert kinds(memory, PathChanged) == 0


def test_the_head_was_removed_if_a_larger_prompt_came_since():
    memory = talked()
    later = [*CHAT[1:], "u Thanks."]
    memory.send(tavern(later), reply="Fine.")
    assert memory.path[0] == GREETING

    memory.send(
        tavern([*later, "a Fine.", "u And now something so long that the greeting would have had room: " + "!" * 99])
    )

    assert memory.path[0] == CHAT[1]


# -- rule 3: the tail decides ------------------------------------------------------------------------------------------


def test_a_swipe_takes_the_last_reply_away_and_another_comes():
    memory = talked()

    result = memory.send(tavern(CHAT[:-1]), reply="No.")

    assert result.kind == "regenerate"
    assert memory.path == [*CHAT[:-1], "a No."]


def test_the_very_first_reply_can_be_regenerated():
    memory = talked(CHAT[:3])

    memory.send(tavern(CHAT[:2]), reply="Not before noon.")

    assert memory.path == [*CHAT[:2], "a Not before noon."]


def test_a_sibling_that_comes_back_is_the_one_the_user_kept():
    memory = talked()
    memory.send(tavern(CHAT[:-1]), reply="No.")
    known = len(memory.messages)

    memory.send(tavern([*CHAT, "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]
    assert len(memory.messages) == known + 2  # nothing is stored twice


def test_an_edited_last_user_message_is_a_sibling():
    memory = talked()

    result = memory.send(tavern([*CHAT[:-2], "u May I sleep here?"]), reply="On the floor.")

    assert result.kind == "new"
    assert memory.path == [*CHAT[:-2], "u May I sleep here?", "a On the floor."]
    assert kinds(memory, MessageEdited) == 0


def test_a_retry_after_an_error_stores_nothing_twice():
    memory = talked()
    memory.send(tavern([*CHAT, "u Thanks."]), reply=None)

    result = memory.send(tavern([*CHAT, "u Thanks."]))

    assert result.kind == "regenerate"
    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


def test_after_an_error_another_message_may_follow():
    memory = talked()
    memory.send(tavern([*CHAT, "u Thanks."]), reply=None)

    memory.send(tavern([*CHAT, "u Thanks.", "u Are you there?"]))

    assert memory.path == [*CHAT, "u Thanks.", "u Are you there?", "a Fine."]


@pytest.mark.parametrize("kept", range(1, len(CHAT)))
def test_whatever_is_deleted_at_the_end_leaves(kept: int):
    memory = talked()

    memory.send(tavern([*CHAT[:kept], "u Something else."]))

    assert memory.path == [*CHAT[:kept], "u Something else.", "a Fine."]


def test_new_messages_are_appended_in_order_whatever_their_roles():
    memory = talked()

    memory.send(tavern([*CHAT, "u One.", "a Two.", "u Three."]))

    assert memory.path == [*CHAT, "u One.", "a Two.", "u Three.", "a Fine."]


def test_a_branch_goes_on_beside_the_trunk_and_the_trunk_comes_back():
    memory = talked()
    memory.send(tavern([*CHAT[:3], "u Why is it dark?"]), reply="Oil is dear.")
    assert memory.path == [*CHAT[:3], "u Why is it dark?", "a Oil is dear."]
    known = len(memory.messages)

    memory.send(tavern([*CHAT, "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]
    assert len(memory.messages) == known + 2


def test_a_trimmed_window_on_another_branch_brings_all_of_that_branch_back():
    memory = talked()
    memory.send(tavern([*CHAT[:3], "u Why is it dark?"]), reply="Oil is dear.")

    memory.send(tavern([*CHAT[4:], "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


def test_where_the_same_was_said_twice_the_latest_place_counts():
    said = ["u Hello", "a Yes?", "u Go on.", "a I do.", "u Go on.", "a Still."]
    memory = talked(said)

    memory.send(tavern(["u Go on.", "a Still.", "u More."]))

    assert memory.path == [*said, "u More.", "a Fine."]


# -- rule 4: a reply is provisional ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    ["a As long as you like.  ", "a AS LONG\nas you like.", "a As long as you like.\n\n"],
    ids=["blanks", "case and lines", "empty lines"],
)
def test_a_reply_that_a_client_renders_otherwise_is_the_same(shown: str):
    memory = talked()

    memory.send(tavern([*CHAT[:-1], shown, "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


def test_macros_in_a_reply_are_filled_in_anew_each_time():
    said = [*CHAT[:2], "a It is {{time}} and {{random:cold,wet}} outside."]
    memory = talked(said)

    memory.send(tavern([*CHAT[:2], "a It is ten past nine and wet outside.", "u Thanks."]), reply="Fine.")
    memory.send(
        tavern([*CHAT[:2], "a It is a quarter past and cold outside.", "u Thanks.", "a Fine.", "u Bye."]), reply="Bye."
    )

    assert memory.path == [*said, "u Thanks.", "a Fine.", "u Bye.", "a Bye."]


def test_a_reply_that_was_cut_short_is_edited():
    memory = talked()

    memory.send(tavern([*CHAT[:-1], "a As long", "u You stopped."]))

    assert memory.path == [*CHAT[:-1], "a As long", "u You stopped.", "a Fine."]
    assert kinds(memory, MessageEdited) == 1


def test_a_reply_that_was_written_on_is_edited():
    memory = talked()

    memory.send(tavern([*CHAT[:-1], CHAT[-1] + " Or longer.", "u Thanks."]))

    assert memory.path[-3] == CHAT[-1] + " Or longer."
    assert kinds(memory, MessageEdited) == 1


def test_the_last_reply_may_say_something_else_altogether():
    memory = talked()

    memory.send(tavern([*CHAT[:-1], "a *She shrugs.*", "u Thanks."]))

    assert memory.path == [*CHAT[:-1], "a *She shrugs.*", "u Thanks.", "a Fine."]
    assert kinds(memory, MessageEdited) == 1


# -- rule 5: in a gap between matches ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(len(CHAT) - 1))
def test_any_older_message_may_be_edited(place: int):
    memory = talked()
    edited = [*CHAT[:place], CHAT[place][:2] + "Something else was said here.", *CHAT[place + 1 :]]

    memory.send(tavern([*edited, "u Thanks."]))

    assert memory.path == [*edited, "u Thanks.", "a Fine."]
    assert kinds(memory, MessageEdited) == 1


def test_an_edit_taken_back_puts_the_old_message_back():
    memory = talked()
    memory.send(tavern([CHAT[0], "u What weather.", *CHAT[2:], "u Thanks."]), reply="Fine.")
    known = len(memory.messages)

    memory.send(tavern([*CHAT, "u Thanks.", "a Fine.", "u Bye."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine.", "u Bye.", "a Fine."]
    assert len(memory.messages) == known + 2


@pytest.mark.parametrize("place", range(1, len(CHAT) - 1))
def test_any_inner_message_may_be_removed_and_come_back(place: int):
    memory = talked()
    without = [*CHAT[:place], *CHAT[place + 1 :]]

    memory.send(tavern([*without, "u Thanks."]), reply="Fine.")
    assert memory.path == [*without, "u Thanks.", "a Fine."]
    memory.send(tavern([*CHAT, "u Thanks.", "a Fine.", "u Bye."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine.", "u Bye.", "a Fine."]


def test_one_of_two_is_removed_and_the_other_edited():
    memory = talked()
    changed = [*CHAT[:3], "a Only me and the old lamp.", *CHAT[5:]]

    memory.send(tavern([*changed, "u Thanks."]))

    assert memory.path == [*changed, "u Thanks.", "a Fine."]
    assert kinds(memory, MessageEdited) == 1


def test_several_changes_of_one_request_are_one_change_of_the_path():
    memory = talked()
    changed = ["a Come in.", *CHAT[1:3], *CHAT[5:6], "a Stay."]

    memory.send(tavern([*changed, "u Thanks."]))

    assert memory.path == [*changed, "u Thanks.", "a Fine."]
    assert kinds(memory, PathChanged) == 1


def test_messages_that_changed_places_change_places():
    memory = talked()
    moved = [*CHAT[:2], CHAT[4], CHAT[3], CHAT[2], *CHAT[5:]]

    memory.send(tavern([*moved, "u Thanks."]))

    assert memory.path == [*moved, "u Thanks.", "a Fine."]


def test_a_clients_script_edits_nothing():
    said = [line.replace("lamp", "Lamp of Gull Point") for line in CHAT]
    said = [
        GREETING,
        "u Mira?",
        "a I am Mira.",
        "u Mira who?",
        "a Mira of the lamp.",
        "u Well, Mira.",
        "a Mira listens.",
    ]
    memory = talked(said)
    scripted = [line.replace("Mira", "the keeper") for line in said]

    memory.send(tavern([*scripted, "u Thanks."]), reply="Fine.")

    assert memory.path == [*said, "u Thanks.", "a Fine."]


def test_another_script_each_turn_edits_nothing_either():
    said = [
        GREETING,
        "u Mira?",
        "a I am Mira.",
        "u Mira who?",
        "a Mira of the lamp.",
        "u Well, Mira.",
        "a Mira listens.",
    ]
    memory = talked(said)
    for number, name in enumerate(("the keeper", "Captain", "[her]")):
        said = [*said, f"u Question {number}.", "a Fine."]
        memory.send(tavern([line.replace("Mira", name) for line in said[:-1]]), reply="Fine.")

    assert memory.path == said


def test_a_message_that_the_clients_retrieval_moved_is_not_removed():
    memory = talked()
    without = [*CHAT[:3], *CHAT[5:]]

    memory.send(tavern(["s Past events:\nRobin: Who lives here?\nMira: Only me and the lamp.", *without, "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


# -- rule 6: continue --------------------------------------------------------------------------------------------------

NUDGE = "s [Go on with what you said.]"


def test_a_last_message_behind_the_last_instructions_is_continued():
    memory = talked()

    result = memory.send(prompt(PERSONA, *CHAT[:-1], LAST, CHAT[-1], NUDGE, named=False), reply="And longer.")

    assert result.kind == "continue"
    assert memory.path == [*CHAT[:-1], CHAT[-1] + " And longer."]


def test_also_without_a_nudge():
    memory = talked()

    memory.send(prompt(PERSONA, *CHAT[:-1], LAST, CHAT[-1], named=False), reply="And longer.")

    assert memory.path == [*CHAT[:-1], CHAT[-1] + " And longer."]


def test_also_a_users_message():
    memory = talked()

    memory.send(prompt(PERSONA, *CHAT[:-2], LAST, CHAT[-2], NUDGE, named=False), reply="Tonight, I mean.")

    assert memory.path == [*CHAT[:-2], CHAT[-2] + " Tonight, I mean."]


def test_a_reply_that_was_stopped_is_continued_from_where_it_was_cut():
    memory = talked()

    memory.send(prompt(PERSONA, *CHAT[:-1], LAST, "a As long", NUDGE, named=False), reply="as it takes.")

    assert memory.path == [*CHAT[:-1], "a As long as it takes."]


def test_an_unknown_assistant_text_that_stands_last_is_a_start_to_be_kept():
    memory = talked()

    result = memory.send(prompt(PERSONA, *CHAT, "u Thanks.", LAST, "a Do not", named=False), reply="mention it.")

    assert result.kind == "continue"
    assert memory.path == [*CHAT, "u Thanks.", "a Do not mention it."]


def test_what_a_client_joined_itself_is_one_message():
    memory = talked()
    memory.send(tavern(CHAT), reply="And longer.")

    memory.send(tavern([*CHAT[:-1], CHAT[-1] + " And longer.", "u Thanks."]))

    assert memory.path == [*CHAT[:-1], CHAT[-1] + " And longer.", "u Thanks.", "a Fine."]


def test_an_assistants_message_last_is_an_empty_send():
    memory = talked()

    result = memory.send(tavern(CHAT), reply="And breakfast.")

    assert result.kind == "empty"
    assert memory.path == [*CHAT, "a And breakfast."]


# -- rule 7: not memory ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [["u Write a haiku."], ["s Sum up.", "u Mira: Hello."], ["s Name this chat."]])
def test_a_raw_prompt_is_no_turn_and_of_no_chat(lines: list[str]):
    memory = talked()

    result = memory.send(prompt(*lines, streaming=False, named=False))

    assert (result.kind, result.alone) == (None, True)
    assert memory.path == CHAT


def test_a_raw_prompt_under_a_chats_id_is_none_of_it_either():
    memory = talked()

    result = memory.send(prompt("u Write a haiku.", streaming=False))

    assert (result.kind, result.alone) == (None, True)
    assert memory.path == CHAT


@pytest.mark.parametrize("streaming", [False, True], ids=["quiet", "impersonation"])
def test_a_prompt_with_nothing_new_and_another_last_instruction_is_no_turn(streaming: bool):
    memory = talked()

    result = memory.send(tavern(CHAT, "s Describe the room in five words.", streaming=streaming))

    assert (result.kind, result.alone) == (None, False)
    assert memory.path == CHAT


def test_a_prompt_beside_the_chat_is_understood_with_the_edits_that_it_shows_but_they_are_not_stored():
    memory = talked()
    edited = [CHAT[0], "u What weather.", *CHAT[2:]]

    result = memory.send(tavern(edited, "s Sum up.", streaming=False))

    assert isinstance(result.operations[0], Settle)
    assert memory.path == CHAT


def test_a_swipe_with_another_last_instruction_is_a_turn():
    memory = talked()

    result = memory.send(prompt(PERSONA, *CHAT[:-1], "s Be long.", named=False), reply="No.")

    assert result.kind == "regenerate"


def test_what_a_client_calls_quiet_is_quiet():
    memory = talked()

    assert memory.send(tavern(CHAT, streaming=False, hint="quiet")).kind is None
    assert memory.send(tavern(CHAT, "s Be long.", hint="normal")).kind == "empty"


def test_a_first_request_that_asks_nothing_is_stored_when_it_comes_back():
    memory = Memory()

    assert memory.send(tavern(CHAT, "s Sum up.", streaming=False)).kind is None
    memory.send(tavern([*CHAT, "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


# -- rule 8: groups ----------------------------------------------------------------------------------------------------

MIRA, OTTO = "s Write Mira's next reply to Otto and Robin.", "s Write Otto's next reply to Mira and Robin."
GROUP = ["a Mira: Sit down.", "a Otto: Ahoy!", "u Good evening both."]


def test_a_new_persona_over_a_known_dialogue_is_the_next_speaker():
    memory = Memory()

    memory.send(prompt(MIRA, *GROUP, "s [Only as Mira.]", named=False), reply="Good evening.")
    second = memory.send(
        prompt(OTTO, *GROUP, "a Mira: Good evening.", "s [Only as Otto.]", named=False), reply="Evening!"
    )

    assert second.kind == "group"
    assert memory.path == ["a Sit down.", "a Ahoy!", "u Good evening both.", "a Good evening.", "a Evening!"]
    assert memory.names == ["Mira", "Otto", None, "Mira", "Otto"]


def test_names_are_cut_only_where_they_are_names():
    memory = Memory()

    memory.send(prompt(MIRA, *GROUP, "s [Only as Mira.]", named=False), reply="Warning: the lamp is hot.")
    memory.send(
        prompt(MIRA, *GROUP, "a Mira: Warning: the lamp is hot.", "u Note: I know.", "s [Only as Mira.]", named=False)
    )

    assert memory.path[-3:] == ["a Warning: the lamp is hot.", "u Note: I know.", "a Fine."]


def test_a_user_who_was_renamed_said_the_same():
    memory = talked()
    named = [line.replace("u ", "u Robin: ", 1) if line.startswith("u ") else line for line in CHAT]

    memory.send(tavern([*named, "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


# -- rule 9: injections ------------------------------------------------------------------------------------------------

LORE = "u (The wind howls around the tower.)"


def test_an_unknown_text_between_two_matches_is_held():
    memory = talked()

    result = memory.send(tavern([*CHAT[:5], LORE, *CHAT[5:], "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]
    assert result.aside == frozenset({5})


def test_it_becomes_a_message_when_it_stays_where_it_is():
    memory = talked()
    with_it = [*CHAT[:5], LORE, *CHAT[5:], "u Thanks."]
    memory.send(tavern(with_it))
    memory.send(tavern(with_it))  # a swipe tells nothing

    memory.send(tavern([*with_it, "a Fine.", "u Bye."]))

    assert memory.path == [*with_it, "a Fine.", "u Bye.", "a Fine."]


def test_one_that_moves_with_the_end_is_an_injection():
    memory = talked()
    chat = list(CHAT)
    for number in range(4):
        chat = [*chat, f"u Question {number}?"]
        memory.send(tavern([*chat[:-2], LORE, *chat[-2:]]), reply=f"Answer {number}.")
        chat = [*chat, f"a Answer {number}."]

    assert memory.path == chat
    assert fingerprint("user", LORE[2:]) in memory.known.prompts.learned


def test_one_that_stood_last_at_first_is_found_out_by_its_moving():
    memory = talked()
    memory.send(tavern([*CHAT, "u Thanks.", LORE]), reply="Fine.")
    assert LORE in memory.path

    memory.send(tavern([*CHAT, "u Thanks.", "a Fine.", "u Bye.", LORE]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine.", "u Bye.", "a Fine."]


def test_lore_before_the_greeting_of_a_new_chat_is_held():
    memory = Memory()

    memory.send(
        prompt(PERSONA, "a *A barometer falls.*", LORE, "s [A note.]", GREETING, "s [Lore.]", "u Hello", named=False)
    )

    assert memory.path == [GREETING, "u Hello", "a Fine."]


def test_instructions_that_were_folded_into_a_users_turn_are_cut_out():
    memory = talked()

    memory.send(prompt(PERSONA, *CHAT, f"u Thanks.\n\n{LAST[2:]}", named=False))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


def test_also_those_that_were_never_sent_apart():
    memory = Memory()
    memory.send(prompt(PERSONA, GREETING, "u Hello\n\n[Be kind.]", named=False), reply="Good evening.")

    memory.send(prompt(PERSONA, GREETING, "u Hello", "a Good evening.", "u Bye\n\n[Be kind.]", named=False))

    assert memory.path == [GREETING, "u Hello", "a Good evening.", "u Bye", "a Fine."]


def test_a_word_that_an_instruction_says_too_is_what_the_user_says():
    memory = Memory()
    memory.send(prompt("s Tea", "u Hello"))

    memory.send(prompt("u Hello", "a Fine.", "u Tea", named=False))

    assert memory.path == ["u Hello", "a Fine.", "u Tea", "a Fine."]


def test_a_chat_in_one_single_message_is_known_by_our_last_reply_in_it():
    memory = talked()
    whole = "\n\n".join([PERSONA[2:], *(line[2:] for line in CHAT), "Robin: Thanks."])

    memory.send(prompt(f"u {whole}", named=False))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


# -- rule 10: thin clients ---------------------------------------------------------------------------------------------


def test_a_client_that_sends_only_its_newest_message_is_appended():
    memory = Memory()

    for text in ("Hello", "And?", "And?"):
        memory.send(prompt(f"u {text}"))

    assert memory.path == ["u Hello", "a Fine.", "u And?", "a Fine.", "u And?", "a Fine."]


def test_also_with_its_instructions_each_time():
    memory = Memory()

    for text in ("Hello", "And?", "Hello"):
        memory.send(prompt(PERSONA, f"u {text}", streaming=False))

    assert memory.path == ["u Hello", "a Fine.", "u And?", "a Fine.", "u Hello", "a Fine."]


def test_a_history_that_is_unknown_is_backfilled():
    memory = Memory()

    memory.send(tavern([*CHAT, "u Thanks."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]
    received = [event for event in memory.events if isinstance(event, MessageReceived)]
    assert [event.origin for event in received] == ["backfilled"] * len(CHAT) + ["client"]


def test_a_history_that_comes_to_light_later_is_backfilled_too():
    memory = Memory()
    memory.send(tavern([*CHAT[6:], "u Thanks."]), reply="Fine.")

    memory.send(tavern([*CHAT, "u Thanks.", "a Fine.", "u Bye."]))

    assert memory.path == [*CHAT, "u Thanks.", "a Fine.", "u Bye.", "a Fine."]


# -- rule 11: after a rewind -------------------------------------------------------------------------------------------


def test_what_a_rewind_cut_off_is_ignored_until_the_client_shows_the_cut():
    memory = talked()
    memory.rewind(memory.session.path[:3])

    still = memory.send(tavern([*CHAT, "u Thanks."]))
    assert memory.path == [*CHAT[:3], "u Thanks.", "a Fine."]
    assert still.record["ignored"] == 4

    memory.send(tavern([*CHAT[:3], "u Thanks.", "a Fine.", "u Bye."]))
    memory.send(tavern([*CHAT, "u Again."]))

    assert memory.path == [*CHAT, "u Again.", "a Fine."]


def test_a_message_that_was_cut_off_may_be_asked_again():
    memory = talked()
    memory.rewind(memory.session.path[:3])

    memory.send(tavern(CHAT[:4]), reply="Nobody.")

    assert memory.path == [*CHAT[:4], "a Nobody."]


# -- rule 12: no guessing ----------------------------------------------------------------------------------------------


def test_sync_makes_the_path_what_the_transcript_says():
    memory = talked()

    memory.send(prompt(*CHAT[3:5], "u In between.", *CHAT[5:], "u Thanks.", mode="sync"))

    assert memory.path == [*CHAT[3:5], "u In between.", *CHAT[5:], "u Thanks.", "a Fine."]


def test_append_only_ever_appends_what_stands_behind_the_last_reply():
    memory = talked()

    memory.send(prompt("a Something else.", "u Thanks.", "u Well?", mode="append"))

    assert memory.path == [*CHAT, "u Thanks.", "u Well?", "a Fine."]


def test_stateless_is_no_turn():
    memory = talked()

    result = memory.send(prompt(*CHAT, "u Thanks.", mode="stateless"))

    assert (result.kind, result.alone) == (None, True)
    assert memory.path == CHAT


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_a_transcript_that_shrinks_to_nothing_takes_nothing_away():
    memory = talked()

    memory.send(prompt(PERSONA))

    assert memory.path == [*CHAT, "a Fine."]


def test_another_chat_under_the_same_id_is_a_branch_and_the_first_one_comes_back():
    memory = talked()
    other = ["a Ahoy!", "u Who are you?", "a Otto, with the flour.", "u And the news?"]

    result = memory.send(tavern(other))
    assert memory.path == [*other, "a Fine."]
    assert result.reason == "only 0 of 4 messages stand on the path of 7"

    memory.send(tavern([*CHAT, "u Thanks."]))
    assert memory.path == [*CHAT, "u Thanks.", "a Fine."]


def test_thousands_of_messages_of_which_all_but_one_changed_are_a_branch():
    said = [f"{'ua'[number % 2]} Message {number} of the first chat" for number in range(5000)]
    other = [f"{'ua'[number % 2]} Something different, {number}" for number in range(4999)]
    memory = Memory()
    memory.send(prompt(*said, "u Well?"), reply="Fine.")

    result = memory.send(prompt(*other, said[-1], "u Well then?"), reply="Fine.")

    assert result.reason is not None
    assert memory.path == [*other, said[-1], "u Well then?", "a Fine."]
    assert kinds(memory, MessageEdited) == 0


def test_calls_of_tools_and_their_results_are_messages_that_are_told_apart():
    memory = Memory()
    memory.send(prompt("u What is the weather?"), reply="Let me see.")

    memory.send(prompt("u What is the weather?", "a Let me see.", "t Rain.", "t Rain."), reply="It rains.")

    assert memory.path == ["u What is the weather?", "a Let me see.", "t Rain.", "t Rain.", "a It rains."]


N = 10_000
THOUSANDS: dict[str, tuple[list[int], list[int]]] = {
    "all known": ([*range(N)], [*range(N)]),
    "one more": ([*range(N)], [*range(N + 1)]),
    "all new": ([*range(N)], [*range(N, 2 * N)]),
    "every hundredth edited": ([*range(N)], [place if place % 100 else -place - 1 for place in range(N)]),
    "always the same": ([0] * N, [0] * N),
    "always the same, but for the first": ([-1] + [0] * (N - 1), [-2] + [0] * (N - 1)),
    "in turns": ([0, 1] * (N // 2), [2] + [0, 1] * (N // 2)),
    "backwards": ([*range(N)], [*reversed(range(N))]),
}


@pytest.mark.parametrize("case", THOUSANDS)
def test_ten_thousand_messages_are_compared_with_ten_thousand_in_no_time(case: str):
    of_path, of_transcript = THOUSANDS[case]
    known = knowing([f"Message {number}" for number in of_path])
    sent = prompt(*(f"{'ua'[place % 2]} Message {number}" for place, number in enumerate(of_transcript)))

    # 12 to 55 ms (`python -m benchmarks reconcile`); here every line is traced. Squares would take many seconds.
    assert min(seconds_of(sent, known) for _ in range(5)) < 0.25


def knowing(texts: Sequence[str]) -> Known:
    messages: dict[int, Familiar] = {}
    by_key: dict[int, list[int]] = {}
    for version, text in enumerate(texts, start=1):
        role = "user" if version % 2 else "assistant"
        one = Familiar(role, fingerprint(role, text), ours=role == "assistant")
        messages[version] = one
        by_key.setdefault(one.key, []).append(version)
    return Known(
        path=list(messages),
        messages=messages,
        by_key=by_key,
        texts=dict(enumerate(texts, start=1)),
        former_path=lambda _: (),
    )


def seconds_of(sent: Prompt, known: Known) -> float:  # pragma: no cover (it runs untraced)
    """CPU time, so that a busy machine does not count, and without the tracing that measures coverage."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        began = time.process_time()
        result: Reconciliation = reconcile(sent, known)
        assert result.matched
        return time.process_time() - began
    finally:
        sys.settrace(tracer)
