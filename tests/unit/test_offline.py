"""The offline model says that it is offline and answers from what was recalled."""

from collections.abc import Sequence

import pytest

from api.adapters.offline import MODEL, OPENING, OfflineModel
from api.ports import Delta, Finish, ModelFailed, Unsupported
from domain.recalled import RECALL_HEADING, Quotation
from domain.records import JsonObject, NeutralMessage
from tests.fakes_models import WordTokens


def quotation(text: str, speaker: str = "Robin", when: str = "three days ago") -> str:
    return Quotation(kind="message", version=3, speaker=speaker, when=when, text=text).line


def recall(*lines: str) -> NeutralMessage:
    return {"role": "system", "content": RECALL_HEADING + "".join(lines)}


def said(text: str, role: str = "user") -> NeutralMessage:
    return {"role": role, "content": text}


async def answer(messages: Sequence[NeutralMessage], parameters: JsonObject | None = None) -> tuple[str, Finish]:
    model = OfflineModel(tokens=WordTokens())
    items = [item async for item in model.stream(messages, model=MODEL, parameters=parameters or {})]
    finish = items[-1]
    assert isinstance(finish, Finish)
    return "".join(item.text for item in items if isinstance(item, Delta)), finish


async def test_reply_says_that_it_is_offline_and_quotes_what_was_recalled() -> None:
    text, finish = await answer([recall(quotation("My sister lives in Oslo.")), said("Where does my sister live?")])

    assert text == (
        f"{OPENING} About “Where does my sister live?”: Robin said three days ago: “My sister lives in Oslo.”"
    )
    assert (finish.reason, finish.model) == ("stop", MODEL)


async def test_the_memory_that_shares_most_words_with_the_question_comes_first() -> None:
    lines = [quotation("It rained."), quotation("My sister Ada lives in Oslo."), quotation("Ada is my sister.")]

    text, _ = await answer([recall(*lines), said("Where does my sister Ada live, in Oslo?")])

    assert text.index("lives in Oslo") < text.index("is my sister") < text.index("It rained")


async def test_no_more_than_three_memories_are_quoted() -> None:
    text, _ = await answer([recall(*(quotation(f"Fact {n}.") for n in range(9))), said("Well?")])

    assert text.count("Robin said") == 3


async def test_a_memory_of_several_lines_is_quoted_on_one() -> None:
    text, _ = await answer([recall(quotation("First line.\n- second: “inner” line\nend"), "\n\nBe kind."), said("Hm?")])

    assert "Robin said three days ago: “First line. - second: “inner” line end”" in text
    assert "Be kind" not in text


async def test_a_message_the_context_still_shows_is_remembered_too() -> None:
    text, _ = await answer([said("My cat is called Fred."), said(OPENING, "assistant"), said("What is my cat called?")])

    assert "you said earlier: “My cat is called Fred.”" in text


async def test_when_nothing_matches_it_says_so_and_what_was_said_last() -> None:
    text, _ = await answer([said("Good evening, traveller.", "assistant"), said("Where is the harbour?")])

    assert "nothing earlier" in text
    assert "Last, I said earlier: “Good evening, traveller.”" in text


async def test_the_first_message_of_all_is_answered() -> None:
    text, _ = await answer([said("Hello")])

    assert text.startswith(OPENING)
    assert text.endswith("Tell me something, and I will remember it.")


async def test_without_any_message_of_the_user_it_still_answers() -> None:
    text, _ = await answer([{"role": "system", "content": "Continue."}])

    assert text.startswith(f"{OPENING} About this")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_reply_and_says_length(name: str) -> None:
    text, finish = await answer([said("Hello")], {name: 3})

    assert text == "I am offline:"
    assert finish.reason == "length"


@pytest.mark.parametrize("stop", [":", [":", "language"], ["absent", "", ":"]])
async def test_a_stop_string_ends_the_reply_before_it(stop: str | list[str]) -> None:
    text, finish = await answer([said("Hello")], {"stop": stop})

    assert text == "I am offline"
    assert finish.reason == "stop"


async def test_usage_is_estimated_by_the_counter() -> None:
    text, finish = await answer([said("one two three"), said("four")])

    assert finish.usage is not None
    assert finish.usage["estimated"]
    assert (finish.usage["input_tokens"], finish.usage["output_tokens"]) == (4, len(text.split()))


async def test_equal_messages_get_equal_replies() -> None:
    messages = [recall(quotation("My sister lives in Oslo.")), said("Where?")]

    assert await answer(messages) == await answer(messages)


async def test_a_format_it_cannot_keep_to_is_refused() -> None:
    with pytest.raises(ModelFailed, match="plain text") as failure:
        await answer([said("Hello")], {"response_format": {"type": "json_object"}})

    assert (failure.value.status, failure.value.code) == (400, "unsupported_parameter")


NOTHING: JsonObject = {}
WITH_TOOLS: JsonObject = {"tools": [{"type": "function"}]}


@pytest.mark.parametrize(("asked", "images", "param"), [(WITH_TOOLS, False, "tools"), (NOTHING, True, "messages")])
def test_what_it_cannot_do_is_refused_by_name(asked: JsonObject, images: bool, param: str) -> None:
    model = OfflineModel(tokens=WordTokens())

    with pytest.raises(Unsupported) as refused:
        model.check(model=model.default, parameters=asked, images=images)

    assert (refused.value.param, refused.value.status) == (param, 400)


def test_tools_that_must_not_be_called_are_no_matter() -> None:
    model = OfflineModel(tokens=WordTokens())

    model.check(model=model.default, parameters={**WITH_TOOLS, "tool_choice": "none"}, images=False)
