"""Which session a request belongs to."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from api.chat.request import Address
from api.ports import Delta, ModelFailed
from domain.messages import Instruction, Message
from domain.records import Json
from tests.fakes_models import ScriptedModel
from tests.system import Outside, System, read, system
from tests.turn_fakes import transcript

NAMELESS = Address()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[System, None]:
    """A system that has two sessions, in which it replied "Tea it is." and "Coffee it is."."""
    async with system(tmp_path, outside=Outside(model=model)) as built:
        for session, user in (("tea", "anna"), ("coffee", "ben")):
            model.will(f"{session.capitalize()} it is.")
            address = Address(external_id=session, identified_by="header", user=user)
            await read(await built.turns.answer(built.request(address, transcript(f"I want {session}."))))
        model.will("Anything else?")
        yield built


async def placed(heartline: System, address: Address, *messages: Message, owner: str = "local") -> str:
    """The session that answered."""
    answer = await heartline.turns.answer(heartline.request(address, messages, owner=owner))
    assert [item.text async for item in answer.stream() if isinstance(item, Delta)] == ["Anything else?"]
    return answer.session


def by_user(name: str) -> Address:
    return Address(user=name)


async def test_an_id_names_its_session_whatever_the_transcript_says(heartline: System) -> None:
    address = Address(external_id="coffee", identified_by="path", user="anna")

    found = await placed(heartline, address, *transcript("I want tea.", "Tea it is.", "With milk."))

    assert found == "coffee"


async def test_an_unknown_id_begins_a_session_of_that_name(heartline: System) -> None:
    found = await placed(heartline, Address(external_id="cocoa", identified_by="header"), *transcript("Hello"))

    assert found == "cocoa"
    assert (await heartline.sessions.state("local", "cocoa", at=None))["messages"] == 2


async def test_a_transcript_is_placed_by_our_reply_in_it(heartline: System) -> None:
    found = await placed(heartline, NAMELESS, *transcript("I want tea.", " tea  IT is.", "With milk."))

    assert found == "tea"


async def test_an_edited_last_reply_leaves_the_one_before_to_tell(heartline: System) -> None:
    texts = ("I want tea.", "Tea it is.", "Really?", "You never said that.", "With milk.")

    assert await placed(heartline, NAMELESS, *transcript(*texts)) == "tea"


async def test_a_reply_far_back_tells_too_if_it_does_not_stand_alone(heartline: System) -> None:
    since = ("a", "b", "c", "d", "e", "f", "With milk.")

    assert await placed(heartline, NAMELESS, *transcript("More!", "Tea it is.", "No.")) not in ("tea", "coffee")
    assert await placed(heartline, NAMELESS, *transcript("I want tea.", "Tea it is.", *since)) == "tea"


async def test_a_transcript_is_looked_for_among_its_users_sessions(heartline: System) -> None:
    said = transcript("I want tea.", "Tea it is.", "With milk.")

    assert await placed(heartline, by_user("anna"), *said) == "tea"
    assert await placed(heartline, by_user("ben"), *said) not in ("tea", "coffee")


async def test_another_owners_session_is_not_found_by_its_content(heartline: System) -> None:
    said = transcript("I want tea.", "Tea it is.", "With milk.")

    assert await placed(heartline, NAMELESS, *said, owner="somebody") not in ("tea", "coffee")


async def test_a_message_alone_goes_to_its_users_latest_session(heartline: System) -> None:
    address = Address(external_id="milk", identified_by="header", user="anna")
    await placed(heartline, address, *transcript("Hello"))

    assert await placed(heartline, by_user("anna"), *transcript("More.")) == "milk"
    assert await placed(heartline, by_user("ben"), *transcript("More.")) == "coffee"


async def test_an_unknown_users_message_begins_a_session_that_is_the_users(heartline: System) -> None:
    begun = await placed(heartline, by_user("eve"), *transcript("Hello"))

    assert begun not in ("tea", "coffee")
    assert await placed(heartline, by_user("eve"), *transcript("More.")) == begun


async def test_nothing_but_a_message_begins_a_session(heartline: System) -> None:
    first = await placed(heartline, NAMELESS, *transcript("I want tea."))
    second = await placed(heartline, NAMELESS, *transcript("I want cocoa."))

    assert len({first, second, "tea", "coffee"}) == 4


async def test_the_latest_sessions_first_exchange_may_be_regenerated(heartline: System) -> None:
    first = await placed(heartline, NAMELESS, *transcript("I want cocoa."))
    again = await placed(heartline, NAMELESS, *transcript("I want cocoa."))

    assert again == first
    assert (await heartline.sessions.state("local", first, at=None))["messages"] == 2


async def test_a_session_that_went_on_is_not_begun_again(heartline: System) -> None:
    first = await placed(heartline, NAMELESS, *transcript("I want cocoa."))
    await placed(heartline, NAMELESS, *transcript("I want cocoa.", "Anything else?", "No."))

    assert await placed(heartline, NAMELESS, *transcript("I want cocoa.")) != first


async def begin(heartline: System, model: ScriptedModel, session: str, *turns: tuple[str, str]) -> None:
    """A session of these questions and replies."""
    said: list[str] = []
    for question, reply in turns:
        said.append(question)
        model.will(reply)
        await read(await heartline.turns.answer(heartline.request(header(session), transcript(*said))))
        said.append(reply)
    model.will("Anything else?")


def header(session: str) -> Address:
    return Address(external_id=session, identified_by="header")


async def test_a_reply_that_many_sessions_have_does_not_tell_the_session(
    heartline: System, model: ScriptedModel
) -> None:
    await begin(heartline, model, "rain", ("Will it rain?", "Yes."))
    for number in range(7):
        await begin(heartline, model, f"later {number}", (f"Is {number} a number?", "Yes."))

    assert await placed(heartline, NAMELESS, *transcript("Will it rain?", "Yes.", "When?")) == "rain"
    assert await placed(heartline, NAMELESS, *transcript("Is it late?", "Yes.", "How late?")) not in ("rain", "later 6")


async def test_among_equals_the_session_that_ends_so_goes_on(heartline: System, model: ScriptedModel) -> None:
    await begin(heartline, model, "short", ("Will it rain?", "Yes."))
    await begin(heartline, model, "long", ("Will it rain?", "Yes."), ("And snow?", "No."))

    assert await placed(heartline, NAMELESS, *transcript("Will it rain?", "Yes.", "When?")) == "short"


async def test_among_equals_to_the_end_the_latest_active_goes_on(heartline: System, model: ScriptedModel) -> None:
    for session in ("older", "newer"):
        await begin(heartline, model, session, ("Will it rain?", "Yes."))

    assert await placed(heartline, NAMELESS, *transcript("Will it rain?", "Yes.", "When?")) == "newer"


async def test_one_reply_alone_tells_its_session_if_it_is_long(heartline: System, model: ScriptedModel) -> None:
    long = "It will rain from three in the afternoon until midnight."
    await begin(heartline, model, "rain", ("Will it rain?", long))

    assert await placed(heartline, NAMELESS, *transcript("Will it pour?", long, "Really?")) == "rain"
    assert await placed(heartline, NAMELESS, *transcript("Who drinks tea?", "Tea it is.", "Really?")) != "tea"


async def test_a_chat_in_one_single_message_is_found_by_our_last_reply_in_it(
    heartline: System, model: ScriptedModel
) -> None:
    long = "It will rain from three in the afternoon until midnight."
    await begin(heartline, model, "rain", ("Will it rain?", long))

    whole = f"Write the next reply.\n\nRobin: Will it rain?\n\nMira: {long}\n\nRobin: And then?"

    assert await placed(heartline, NAMELESS, *transcript(whole)) == "rain"
    assert (await heartline.sessions.state("local", "rain", at=None))["messages"] == 4


async def test_a_first_exchange_that_failed_is_tried_again_in_its_session(
    heartline: System, model: ScriptedModel
) -> None:
    model.will(ModelFailed("No.", code="upstream_error", status=502))
    with pytest.raises(ModelFailed):
        await heartline.turns.answer(heartline.request(NAMELESS, transcript("I want cocoa.")))
    model.will("Anything else?")

    again = await placed(heartline, NAMELESS, *transcript("I want cocoa."))

    await heartline.follower.caught_up()
    (newest, *_) = heartline.models.catalogue.list("local")
    assert newest.external_id == again
    assert newest.messages == 2


async def test_another_persona_begins_a_session_of_its_own(heartline: System) -> None:
    first = await placed(heartline, NAMELESS, *transcript("I want cocoa."))
    other = Instruction(role="system", text="You are somebody else.")
    answer = await heartline.turns.answer(heartline.request(NAMELESS, [other, *transcript("I want cocoa.")]))
    await read(answer)

    assert answer.session != first


async def test_five_messages_tell_a_session_in_which_nobody_of_ours_replied(heartline: System) -> None:
    said = ["Hello", "Hi.", "How are you?", "Well.", "And the cat?"]
    rows: list[Json] = [{"role": one.role, "text": one.text} for one in transcript(*said)]
    await heartline.archive.import_("local", {"messages": rows}, "imported")

    assert await placed(heartline, NAMELESS, *transcript(*said)) == "imported"


async def test_a_prompt_of_no_chat_goes_nowhere(heartline: System) -> None:
    request = replace(heartline.request(NAMELESS, transcript("Write a haiku.")), streaming=False)

    answer = await heartline.turns.answer(request)

    assert await read(answer) == "Anything else?"
    assert (answer.is_turn, answer.session) == (False, "")


async def test_a_stateless_request_goes_nowhere_whatever_it_names(heartline: System, model: ScriptedModel) -> None:
    before = await heartline.sessions.state("local", "tea", at=None)
    request = heartline.request(header("tea"), transcript("I want tea.", "Tea it is.", "With milk."))

    answer = await heartline.turns.answer(replace(request, mode="stateless"))
    await read(answer)

    assert not answer.is_turn
    assert [message["content"] for message in model.calls[-1].messages] == ["I want tea.", "Tea it is.", "With milk."]
    assert await heartline.sessions.state("local", "tea", at=None) == before


async def test_what_could_not_be_placed_is_told_in_the_log(heartline: System, caplog: pytest.LogCaptureFixture) -> None:
    await placed(heartline, header("tea"), *transcript("Who are you?", "Otto.", "And the news?"))

    assert "only 0 of 3 messages stand on the path of 2" in caplog.text


async def test_a_quiet_prompt_is_answered_from_the_chat_and_kept_nowhere(
    heartline: System, model: ScriptedModel
) -> None:
    persona, last = Instruction(role="system", text="Tea house."), Instruction(role="system", text="Be brief.")
    said = transcript("I want tea.", "Tea it is.", "With milk.")
    await read(await heartline.turns.answer(heartline.request(NAMELESS, [persona, *said, last])))
    chat = [*said, *transcript("", "Anything else?")[1:]]
    before = heartline.log.last_position()

    quiet = heartline.request(NAMELESS, [persona, *chat, last, Instruction(role="system", text="Sum up.")])
    answer = await heartline.turns.answer(replace(quiet, streaming=False))
    await read(answer)

    assert (answer.is_turn, answer.session) == (False, "tea")
    shown = [message["content"] for message in model.calls[-1].messages]
    assert shown[-2:] == ["Be brief.", "Sum up."]
    assert "With milk." in shown
    assert heartline.log.last_position() == before
