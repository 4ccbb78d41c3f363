"""Turns with tools, images and several choices: what is stored, felt, shown and refused."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from api.chat.request import Address
from api.ports import Delta, ToolCallDelta, Unsupported
from domain.events import ContextBuilt, EmotionDetected, ReplyCompleted
from domain.messages import Message
from domain.records import JsonObject
from tests.fakes_models import Script, ScriptedModel
from tests.system import NOON, Outside, System, read, system
from tests.turn_fakes import events_of, of_kind, path_texts

CALL: JsonObject = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TEA = Address(external_id="tea", identified_by="header")
TOOL: JsonObject = {"type": "function", "function": {"name": "look", "description": "Looks around. " * 20}}


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[System]:
    async with system(tmp_path, outside=Outside(model=model)) as heartline:
        yield heartline


def result(text: str) -> Message:
    return Message(role="tool", text=text, said_at=NOON.isoformat(), tool_call_id="c1")


async def call_in(heartline: System, model: ScriptedModel, question: str = "What do you see?") -> None:
    """Let the model call a tool."""
    model.will(ToolCallDelta(id="c1", name="look", arguments="{}"), reason="tool_calls")
    await heartline.talk("tea", question)


async def test_a_call_is_a_reply_that_nothing_is_felt_in(heartline: System, model: ScriptedModel) -> None:
    await call_in(heartline, model)
    await heartline.look_after("tea")

    (reply,) = of_kind(heartline, "tea", ReplyCompleted)
    assert (reply.text, reply.tool_calls, reply.finish_reason) == ("", [CALL], "tool_calls")
    version = reply.originator_version
    assert version not in {event.of for event in of_kind(heartline, "tea", EmotionDetected)}
    assert version not in {logged.stored.version for logged in heartline.log.read_vectors(0, 100)}
    await heartline.follower.caught_up()
    assert heartline.models.vectors.incomplete(heartline.perception.embedders.vectors) == []
    assert version not in {row.version for row in heartline.models.lexicon.rows(reply.originator_id)}


async def test_a_result_alone_is_answered_with_all_since_the_question(heartline: System, model: ScriptedModel) -> None:
    await heartline.talk("tea", "My cat is called Mimi.", "I moved to Bergen.")
    await call_in(heartline, model, "What do you see of my cat?")
    model.will("A cat.")

    await read(await heartline.ask("tea", result("Fur.")))

    shown = [message for message in model.calls[-1].messages if message["role"] != "system"]
    assert [(message["role"], message["content"]) for message in shown[-3:]] == [
        ("user", "What do you see of my cat?"),
        ("assistant", ""),
        ("tool", "Fur."),
    ]
    built = of_kind(heartline, "tea", ContextBuilt)[-1]
    assert [entry["part"] for entry in built.manifest[-3:]] == ["current"] * 3
    assert (await path_texts(heartline, "tea"))[-1] == "a A cat."


async def test_a_transcript_that_shows_our_call_is_known_by_it(heartline: System, model: ScriptedModel) -> None:
    await call_in(heartline, model)
    model.will("A cat.")
    called = Message(role="assistant", text="", said_at=NOON.isoformat(), tool_calls=[CALL])

    await read(await heartline.ask("tea", heartline.said("What do you see?"), called, result("Fur.")))

    assert await path_texts(heartline, "tea") == ["u What do you see?", "a ", "t Fur.", "a A cat."]


async def test_tools_take_room_of_the_window(heartline: System, model: ScriptedModel) -> None:
    request = heartline.request(TEA, [heartline.said("What do you see?")], parameters={"tools": [TOOL]})
    await read(await heartline.turns.answer(request))

    with_tools = of_kind(heartline, "tea", ContextBuilt)[-1].budget["parts"]["persona"]["used"]
    assert with_tools > 40
    assert model.calls[-1].parameters["tools"] == [TOOL]


async def test_further_choices_are_siblings_off_the_path(tmp_path: Path) -> None:
    script = Script(steps=[Delta("One."), Delta("Two, happy!", 1)], others=("length",))
    async with system(tmp_path, outside=Outside(model=ScriptedModel(script))) as heartline:
        request = heartline.request(TEA, [heartline.said("Which?")], parameters={"n": 2})
        await read(await heartline.turns.answer(request))

        first, second = of_kind(heartline, "tea", ReplyCompleted)
        assert await path_texts(heartline, "tea") == ["u Which?", "a One."]
        felt = {event.of for event in of_kind(heartline, "tea", EmotionDetected)}
    assert (first.choice, second.choice, second.text) == (0, 1, "Two, happy!")
    assert (first.finish_reason, second.finish_reason) == ("stop", "length")
    assert (first.usage["output_tokens"], second.usage["output_tokens"]) == (5, 0)
    assert felt >= {first.originator_version, second.originator_version}


async def test_what_a_model_cannot_take_is_refused_before_anything_is_stored(
    heartline: System, model: ScriptedModel
) -> None:
    model.refusal = Unsupported("It sees no images: send text.", param="messages")

    with pytest.raises(Unsupported):
        await heartline.ask("tea", heartline.said("See?"))

    assert events_of(heartline, "tea") == []
    assert model.calls == []
