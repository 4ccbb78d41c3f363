"""What deltas come to: text, reasoning, calls and refusals of each choice."""

from api.chat.gathered import Gathered
from api.ports import Delta, ReasoningDelta, ReplyDelta, ToolCallDelta


def gathered(*deltas: ReplyDelta) -> Gathered:
    found = Gathered()
    for delta in deltas:
        found.take(delta)
    return found


def test_text_and_reasoning_are_kept_apart() -> None:
    (choice,) = gathered(ReasoningDelta("Hm, "), ReasoningDelta("so."), Delta("Yes"), Delta(".")).choices()

    assert (choice.text, choice.reasoning, choice.refusal, choice.blank) == ("Yes.", "Hm, so.", False, False)


def test_calls_are_put_together_in_the_order_of_their_indexes() -> None:
    (choice,) = gathered(
        ToolCallDelta(index=1, id="c2", name="g", arguments="{}", extra={"signature": "s"}),
        ToolCallDelta(index=0, id="c1", name="f", arguments='{"a"'),
        ToolCallDelta(index=0, arguments=": 1}"),
    ).choices()

    assert choice.tool_calls == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {
            "id": "c2",
            "type": "function",
            "function": {"name": "g", "arguments": "{}"},
            "extra_content": {"signature": "s"},
        },
    ]
    assert not choice.blank


def test_every_choice_has_its_own() -> None:
    choices = gathered(Delta("B", 1), Delta("No.", 2, refusal=True), Delta("b", 1)).choices(4)

    assert [choice.text for choice in choices] == ["", "Bb", "No.", ""]
    assert [choice.refusal for choice in choices] == [False, False, True, False]
    assert [choice.blank for choice in choices] == [True, False, False, True]


def test_thinking_alone_says_nothing() -> None:
    assert gathered(ReasoningDelta("Hm."), Delta(" \n")).choices()[0].blank
