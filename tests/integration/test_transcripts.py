"""What a client's transcript does to a session beyond its path: what is stored, encoded, recalled and told."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from api.chat.request import Address
from domain.events import ContextBuilt, MessageEdited, MessageReceived, ReplyExtended
from domain.messages import Instruction, Message
from domain.session import session_id
from tests.builders import SessionBuilder
from tests.fakes import MemoryEventLog
from tests.fakes_models import ScriptedModel
from tests.system import OWNER, Outside, Rules, System, read, system
from tests.turn_fakes import of_kind, path_texts, system_text, transcript

TEA = session_id(OWNER, "tea")
SAID = ("Hello", "Good evening.", "My cat is called Mimi", "What a name.", "And yours?", "I have none.")


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, log: MemoryEventLog, model: ScriptedModel) -> AsyncGenerator[System, None]:
    async with system(
        tmp_path, outside=Outside(log=log, model=model), rules=Rules(window_messages=1, summarise_after=1000)
    ) as built:
        yield built


async def ask(heartline: System, *messages: Message | Instruction) -> str:
    answer = await heartline.ask("tea", *messages)
    return await read(answer)


def recalled(heartline: System) -> str:
    """What the model was told of the past for the last turn."""
    event = of_kind(heartline, "tea", ContextBuilt)[-1]
    kept = {one["version"] for one in event.recall["candidates"] if one["verdict"] == "kept"}
    return " | ".join(heartline.remembered.texts(TEA, kept).values())


async def test_a_chat_met_in_the_middle_is_backfilled_and_read_in_the_background(heartline: System) -> None:
    said = [f"Message number {number}" for number in range(21)]
    await ask(heartline, *transcript(*said))

    assert (await path_texts(heartline, "tea"))[:21] == [f"{'ua'[at % 2]} {text}" for at, text in enumerate(said)]
    origins = [event.origin for event in of_kind(heartline, "tea", MessageReceived)]
    assert origins == ["backfilled"] * 20 + ["client"]
    assert heartline.models.vectors.missing(TEA, heartline.perception.embedders.vectors) != []
    await heartline.look_after("tea")
    await heartline.follower.caught_up()
    assert heartline.models.vectors.missing(TEA, heartline.perception.embedders.vectors) == []
    assert heartline.models.emotions.missing(TEA) == []


async def test_an_edit_changes_at_once_what_is_recalled(heartline: System) -> None:
    await ask(heartline, *transcript(*SAID, "Well."))
    await heartline.look_after("tea")
    edited = [
        text.replace("Mimi", "Pelle the Great") for text in (*SAID, "Well.", "Hello there.", "What is my cat called?")
    ]

    await ask(heartline, *transcript(*edited))

    assert "My cat is called Pelle the Great" in recalled(heartline)
    assert "Mimi" not in recalled(heartline)
    assert len(of_kind(heartline, "tea", MessageEdited)) == 1


async def test_what_is_deleted_is_not_recalled_and_what_comes_back_is(heartline: System) -> None:
    await ask(heartline, *transcript(*SAID, "Well."))
    await heartline.look_after("tea")
    rest = ("Well.", "Hello there.", "What is my cat called?")
    whole = transcript(*SAID, *rest)

    await ask(heartline, *whole[:2], *whole[4:])
    assert "Mimi" not in recalled(heartline)
    await ask(heartline, *whole, *transcript("", "Hello there.", "My cat?")[1:])
    assert "Mimi" in recalled(heartline)


async def test_another_choice_that_the_user_kept_takes_the_place_of_the_first(
    heartline: System, log: MemoryEventLog
) -> None:
    tea = SessionBuilder("tea")
    tea.say("Hello")
    tea.reply("Good evening", "Good morning")
    await tea.store(log)
    await heartline.follower.caught_up()

    await ask(heartline, *transcript("Hello", "Good morning", "What time is it?"))

    assert await path_texts(heartline, "tea") == ["u Hello", "a Good morning", "u What time is it?", "a Hello there."]
    assert len(of_kind(heartline, "tea", MessageReceived)) == 2


async def test_a_continued_reply_is_one_message_of_which_the_client_hears_the_rest(
    heartline: System, model: ScriptedModel
) -> None:
    persona, last = system_text("Tea house."), system_text("Be brief.")
    said = transcript("Hello", "Hello there.")
    await ask(heartline, persona, said[0], last)
    model.will("And ", "welcome.")

    rest = await ask(heartline, persona, said[0], last, said[1], system_text("Go on."))

    assert rest == "And welcome."
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there. And welcome."]
    (extended,) = of_kind(heartline, "tea", ReplyExtended)
    assert extended.text == "Hello there. And welcome."


async def test_a_reply_in_a_group_bears_its_speakers_name(heartline: System) -> None:
    card = system_text("Write Mira's next reply to Otto and Robin.")
    greetings = [Message(role="assistant", text=f"{name}: Hello.", said_at="") for name in ("Mira", "Otto")]

    await ask(heartline, card, *greetings, heartline.said("Good evening."), system_text("[Only as Mira.]"))

    await heartline.follower.caught_up()
    listed = heartline.models.conversation.messages(TEA)
    assert [(message.name, message.text) for message in listed] == [
        ("Mira", "Hello."),
        ("Otto", "Hello."),
        (None, "Good evening."),
        ("Mira", "Hello there."),
    ]


async def test_lore_of_the_users_role_is_shown_where_it_stands_and_replays(
    heartline: System, model: ScriptedModel
) -> None:
    await ask(heartline, *transcript("Hello"))
    lore = heartline.said("(The wind howls.)")
    said = transcript("Hello", "Hello there.", "Who is there?")

    answer = await heartline.ask("tea", said[0], lore, *said[1:])
    await read(answer)

    assert "(The wind howls.)" in [message["content"] for message in model.calls[-1].messages]
    assert "u (The wind howls.)" not in await path_texts(heartline, "tea")
    replayed = await heartline.sessions.replay(OWNER, "tea", answer.turn)
    assert replayed["identical"] is True


async def test_a_mode_ends_the_guessing(heartline: System) -> None:
    await ask(heartline, *transcript("Hello"))
    address = Address(external_id="tea", identified_by="header")
    request = heartline.request(address, transcript("Something", "Else", "Entirely"))

    await read(await heartline.turns.answer(replace(request, mode="append")))
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there.", "u Entirely", "a Hello there."]
    await read(await heartline.turns.answer(replace(request, mode="sync")))
    assert (await path_texts(heartline, "tea"))[:3] == ["u Something", "a Else", "u Entirely"]
