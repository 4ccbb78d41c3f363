"""What a request becomes: the events of a turn, what of a transcript is new."""

import pytest

from api.chat.decisions import PERCEIVED_AT_ONCE
from api.chat.request import Address
from api.ports import ModelFailed
from domain.errors import ContextTooLong
from domain.events import ContextBuilt, EmotionDetected, MessageReceived, ReplyCompleted
from domain.messages import Message
from domain.session import session_id
from tests.fakes_models import ScriptedModel
from tests.system import NOON, OWNER, System, read
from tests.turn_fakes import (
    FlakyEncoder,
    PlannedLog,
    events_of,
    kinds,
    of_kind,
    path_texts,
    system_text,
    transcript,
)

OPENING = ["MessageReceived", "EmotionDetected", "ContextBuilt"]
REPLY = ["ReplyCompleted", "EmotionDetected"]


# -- what is stored ----------------------------------------------------------------------------------------------------


async def test_a_first_turn_is_one_append_and_its_reply_another(heartline: System, log: PlannedLog) -> None:
    answer = await heartline.ask("tea", system_text("Be kind."), heartline.said("Hello"))
    text = await read(answer)

    assert text == "Hello there."
    assert log.batches == [["SessionStarted", "InstructionReceived", "PersonaDefined", *OPENING], REPLY]


async def test_a_turn_tells_who_was_asked_what(heartline: System, model: ScriptedModel) -> None:
    answer = await heartline.ask("tea", system_text("Be kind."), heartline.said("Hello"))
    await read(answer)

    (opened,) = of_kind(heartline, "tea", ContextBuilt)
    (reply,) = of_kind(heartline, "tea", ReplyCompleted)
    assert (opened.turn, opened.kind, opened.query, opened.persona) == (answer.turn, "new", 4, 3)
    assert (reply.turn, reply.text, reply.finish_reason, reply.model) == (
        answer.turn,
        "Hello there.",
        "stop",
        "scripted",
    )
    assert [message["content"] for message in model.calls[0].messages] == ["Be kind.", "Hello"]
    assert (answer.session, answer.model, answer.created, answer.left_out) == ("tea", "scripted", NOON.timestamp(), 0)


async def test_every_stage_of_a_turn_is_timed(heartline: System) -> None:
    await heartline.talk("tea", "Hello")

    (opened,) = of_kind(heartline, "tea", ContextBuilt)
    (reply,) = of_kind(heartline, "tea", ReplyCompleted)
    assert opened.timings_ms.keys() == {"parse", "wait", "load", "encode", "recall", "context"}
    assert reply.timings_ms.keys() == {"append", "end"}
    assert 0 < (reply.time_to_first_token_ms or 0) <= reply.duration_ms


async def test_a_message_and_its_reply_have_vectors_that_were_stored_with_them(heartline: System) -> None:
    await heartline.talk("tea", "Hello")

    stored = {logged.stored.version for logged in heartline.log.read_vectors(0, 100)}
    assert stored == {2, 5}


async def test_a_thin_clients_second_message_is_appended(heartline: System, log: PlannedLog) -> None:
    await heartline.talk("tea", "Hello", "How are you?")

    assert log.batches == [["SessionStarted", *OPENING], REPLY, OPENING, REPLY]
    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there.", "u How are you?", "a Hello there."]


async def test_of_a_transcript_sent_again_only_the_new_message_is_stored(heartline: System) -> None:
    await read(await heartline.ask("tea", *transcript("Hello")))
    await read(await heartline.ask("tea", *transcript("Hello", "Hello there.", "How are you?")))

    received = of_kind(heartline, "tea", MessageReceived)
    assert [message.text for message in received] == ["Hello", "How are you?"]


async def test_instructions_are_stored_once_and_shown_every_time(heartline: System, model: ScriptedModel) -> None:
    for texts in (["Hello"], ["Hello", "Hello there.", "How are you?"]):
        await read(await heartline.ask("tea", system_text("Be kind."), *transcript(*texts), system_text("Be short.")))

    assert kinds(events_of(heartline, "tea")).count("InstructionReceived") == 2
    contents = [message["content"] for message in model.calls[1].messages]
    assert contents == ["Be kind.", "Hello", "Hello there.", "How are you?", "Be short."]


async def test_a_swipe_takes_the_old_reply_off_the_path(heartline: System, model: ScriptedModel) -> None:
    said = transcript("Hello", "Hello there.", "How are you?")
    await read(await heartline.ask("tea", said[0]))
    await read(await heartline.ask("tea", *said))
    model.will("Fine!")

    await read(await heartline.ask("tea", *said))

    assert await path_texts(heartline, "tea") == ["u Hello", "a Hello there.", "u How are you?", "a Fine!"]
    assert of_kind(heartline, "tea", ContextBuilt)[-1].kind == "regenerate"
    assert len(of_kind(heartline, "tea", MessageReceived)) == 2


async def test_a_retry_after_an_error_stores_the_message_once(heartline: System, model: ScriptedModel) -> None:
    model.will(ModelFailed("No.", code="upstream_error", status=502))
    with pytest.raises(ModelFailed):
        await heartline.ask("tea", heartline.said("Hello"))
    model.will("Hi")

    await heartline.talk("tea", "Hello")

    assert await path_texts(heartline, "tea") == ["u Hello", "a Hi"]
    assert len(of_kind(heartline, "tea", MessageReceived)) == 1


async def test_of_a_long_first_transcript_only_the_end_is_read_before_the_answer(
    heartline: System, encoder: FlakyEncoder
) -> None:
    texts = [f"message {number}" for number in range(31)]

    await read(await heartline.ask("tea", *transcript(*texts)))

    received = [event.originator_version for event in of_kind(heartline, "tea", MessageReceived)]
    read_at_once = [event.of for event in of_kind(heartline, "tea", EmotionDetected)][:-1]
    assert set(texts) & set(encoder.texts) == set(texts[-PERCEIVED_AT_ONCE:])
    assert read_at_once == received[-PERCEIVED_AT_ONCE:]

    await heartline.look_after("tea")

    assert set(texts) <= set(encoder.texts)
    assert {*received} <= {event.of for event in of_kind(heartline, "tea", EmotionDetected)}


async def test_what_a_tool_answered_is_shown_but_neither_felt_nor_encoded(
    heartline: System, model: ScriptedModel
) -> None:
    called = Message(role="assistant", text="", said_at=NOON.isoformat(), tool_calls=[{"id": "call-1"}])
    result = Message(role="tool", text="happy happy happy", said_at=NOON.isoformat(), tool_call_id="call-1")

    await read(await heartline.ask("tea", heartline.said("What is the mood?"), called, result))

    assert [message["role"] for message in model.calls[0].messages] == ["user", "assistant", "tool"]
    tool = of_kind(heartline, "tea", MessageReceived)[-1].originator_version
    assert tool not in {event.of for event in of_kind(heartline, "tea", EmotionDetected)}
    assert tool not in {logged.stored.version for logged in heartline.log.read_vectors(0, 100)}


async def test_a_request_of_instructions_alone_is_a_turn_without_a_query(heartline: System) -> None:
    await read(await heartline.ask("tea", system_text("Say hello.")))

    (opened,) = of_kind(heartline, "tea", ContextBuilt)
    assert (opened.kind, opened.query) == ("empty", None)
    assert await path_texts(heartline, "tea") == ["a Hello there."]


async def test_a_context_that_cannot_fit_stores_nothing(heartline: System, model: ScriptedModel) -> None:
    with pytest.raises(ContextTooLong):
        await heartline.ask("tea", system_text("word " * 5000), heartline.said("Hello"))

    assert heartline.log.last_position() == 0
    assert model.calls == []
    await heartline.talk("tea", "Hello")


async def test_a_request_that_names_a_model_is_answered_by_that(heartline: System, model: ScriptedModel) -> None:
    request = heartline.request(
        Address(external_id="tea", identified_by="path"), [heartline.said("Hello")], parameters={"temperature": 0.5}
    )

    await read(await heartline.turns.answer(request))

    assert (model.calls[0].model, model.calls[0].parameters) == ("scripted", {"temperature": 0.5})


# -- without the encoder -----------------------------------------------------------------------------------------------


async def test_a_turn_goes_on_without_the_encoder_and_is_encoded_later(
    heartline: System, encoder: FlakyEncoder
) -> None:
    encoder.failing = True
    await heartline.talk("tea", "I am so happy", "Are you?")
    assert heartline.perception.failure == "The encoder does not answer."
    assert heartline.log.last_sequence() == 0
    assert len(of_kind(heartline, "tea", EmotionDetected)) == 4

    encoder.failing = False
    await heartline.look_after("tea")

    assert heartline.perception.failure is None
    await heartline.follower.reached(heartline.log.last_position(), heartline.log.last_sequence())
    assert heartline.models.vectors.missing(session_id(OWNER, "tea"), encoder.id) == []
    assert len(of_kind(heartline, "tea", EmotionDetected)) == 4
