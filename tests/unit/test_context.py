"""The context, by example: what stands where, what gives way to what."""

import pytest

from domain.budget import Shares
from domain.context import SUMMARY_HEADING, Draft, Frame, Inner, Piece
from domain.errors import ContextTooLong
from domain.recalled import RECALL_HEADING, Quotation
from domain.records import Segment
from tests.drafts import Made, Wish, Words, made


def instruction(version: int, text: str) -> Piece:
    return Piece(version=version, role="system", text=text)


def piece(place: int, text: str, role: str = "") -> Piece:
    """The message at this place of the path; its version is 100 more."""
    return Piece(version=100 + place, place=place, role=role or ("assistant" if place % 2 else "user"), text=text)


def pieces(count: int, words: int = 6) -> list[Piece]:
    """Messages of so many words: with the overhead of 4, ten tokens each unless said otherwise."""
    return [piece(place, " ".join([f"m{place}"] * words)) for place in range(count)]


def quotation(version: int, text: str) -> Quotation:
    return Quotation(kind="message", version=version, speaker="Anna", when="three days ago", text=text)


def window(tokens: int) -> Shares:
    """Of 100 tokens: 25 for recall, 20 for the response, the rest for what is fixed and history."""
    return Shares(window=tokens)


def shown(context: Made) -> list[int]:
    return sorted(version - 100 for version in context.shown)


# -- order -------------------------------------------------------------------------------------------------------------


def test_the_parts_stand_in_the_order_that_keeps_the_prompt_cache_warm():
    context = made(
        Wish(
            shares=window(300),
            frame=Frame(
                leading=[instruction(1, "You are Mira."), instruction(2, "Be kind.")],
                inner=[Inner(piece=instruction(3, "It rains."), before=39)],
                trailing=[instruction(4, "Write one paragraph.")],
            ),
            current=piece(40, "Do you remember?"),
            history=pieces(40),
            memories=[quotation(101, "I like tea.")],
            summary=Piece(version=50, role="system", text="They met."),
            feeling="\nAnna seems sad.",
        )
    )

    parts = [entry["part"] for entry in context.manifest]
    assert parts[:3] == ["persona", "persona", "summary"]
    assert parts[-6:] == ["history", "persona", "history", "recall", "current", "persona"]
    assert set(parts[3:-5]) == {"history"}
    assert context.rendered[0] == {"role": "system", "content": "You are Mira."}
    assert context.rendered[2] == {"role": "system", "content": SUMMARY_HEADING + "They met."}
    assert context.rendered[-2] == {"role": "user", "content": "Do you remember?"}


def test_a_context_may_be_the_current_message_alone():
    context = made(Wish(current=piece(0, "Hi")))

    assert context.rendered == [{"role": "user", "content": "Hi"}]


def test_a_context_may_have_no_current_message():
    context = made(Wish(history=pieces(2), memories=[quotation(7, "I like tea.")]))

    assert [entry["part"] for entry in context.manifest] == ["history", "history", "recall"]


def test_a_draft_without_a_history_is_finished_too():
    manifest, budget = Draft(window(100), Words(), Frame(), [piece(0, "Hi")]).finish()

    assert [entry["part"] for entry in manifest] == ["current"]
    assert budget["parts"]["history"] == {"allotted": 50, "used": 0}


def test_names_images_and_tool_calls_are_shown_with_their_message():
    call = Piece(version=100, place=0, role="assistant", text="", tool_calls=[{"id": "c1"}])
    result = Piece(version=101, place=1, role="tool", text="Rain.", tool_call_id="c1")
    image = Piece(
        version=102, place=2, role="user", name="Anna", text="See?", images=[{"sha256": "a", "media_type": "image/png"}]
    )

    context = made(Wish(history=[call, result], current=image))

    assert context.rendered == [
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1"}]},
        {"role": "tool", "content": "Rain.", "tool_call_id": "c1"},
        {"role": "user", "content": "See?", "name": "Anna", "images": [{"sha256": "a", "media_type": "image/png"}]},
    ]


# -- the window --------------------------------------------------------------------------------------------------------


def test_a_history_that_fits_is_shown_whole_and_needs_no_summary():
    context = made(Wish(history=pieces(5), summary=Piece(version=50, role="system", text="They met.")))

    assert shown(context) == [0, 1, 2, 3, 4]
    assert context.summary is None


def test_of_a_longer_history_the_newest_are_shown():
    context = made(Wish(shares=window(100), history=pieces(20)))

    assert shown(context) == [12, 13, 14, 15, 16, 17, 18, 19]


def test_a_message_that_does_not_fit_ends_the_window_even_if_older_ones_would():
    history = [*pieces(3), piece(3, "long " * 90), piece(4, "m4")]

    assert shown(made(Wish(shares=window(100), history=history))) == [4]


def test_no_more_messages_are_shown_than_wanted():
    assert shown(made(Wish(history=pieces(20), limit=3))) == [17, 18, 19]
    assert shown(made(Wish(history=pieces(20), limit=0))) == []


def test_a_cut_history_is_preceded_by_its_summary():
    context = made(
        Wish(shares=window(200), history=pieces(40), summary=Piece(version=50, role="system", text="They met."))
    )

    assert context.summary == 50
    assert context.part("summary") == [SUMMARY_HEADING + "They met."]
    assert shown(context) == list(range(26, 40))


def test_a_summary_that_takes_more_than_half_of_the_history_is_left_out():
    summary = Piece(version=50, role="system", text="and then " * 30)

    assert made(Wish(shares=window(100), history=pieces(40), summary=summary)).summary is None


def test_the_summary_goes_when_the_widened_window_shows_all():
    history = pieces(8)
    context = made(
        Wish(shares=window(100), history=history, summary=Piece(version=50, role="system", text=""), limit=100)
    )
    tight = made(
        Wish(shares=window(130), history=history, summary=Piece(version=50, role="system", text=""), limit=100)
    )

    assert (shown(tight), tight.summary) == (list(range(8)), None)
    assert (len(shown(context)), context.summary) == (6, 50)


def test_a_tool_result_is_not_shown_without_its_call():
    history = [
        piece(0, "one two three"),
        Piece(version=101, place=1, role="assistant", text="calling " * 90, tool_calls=[{"id": "c1"}]),
        Piece(version=102, place=2, role="tool", text="Rain.", tool_call_id="c1"),
        Piece(version=103, place=3, role="tool", text="Wind.", tool_call_id="c2"),
        piece(4, "So it rains."),
    ]

    context = made(Wish(shares=window(100), history=history))

    assert shown(context) == [4]
    assert context.budget["parts"]["history"]["used"] == 7


# -- inner instructions ------------------------------------------------------------------------------------------------


def with_inner(before: int, limit: int = 1000) -> list[str]:
    frame = Frame(inner=[Inner(piece=instruction(1, "note"), before=before)])
    context = made(
        Wish(
            frame=frame, history=[piece(place, f"m{place}") for place in range(4)], current=piece(4, "m4"), limit=limit
        )
    )
    return [message["content"] for message in context.rendered]


def test_an_inner_instruction_stands_before_the_message_it_was_sent_with():
    assert with_inner(2) == ["m0", "m1", "note", "m2", "m3", "m4"]


def test_when_that_message_is_cut_it_stands_before_the_next_one_kept():
    assert with_inner(0, limit=2) == ["note", "m2", "m3", "m4"]


def test_before_the_current_message_it_stands_behind_the_history():
    assert with_inner(4) == ["m0", "m1", "m2", "m3", "note", "m4"]


def test_several_keep_their_order():
    notes = [Inner(piece=instruction(place, f"n{place}"), before=before) for place, before in enumerate([1, 0, 1, 9])]

    context = made(Wish(frame=Frame(inner=notes), history=[piece(0, "m0"), piece(1, "m1")]))

    assert [message["content"] for message in context.rendered] == ["n1", "m0", "n0", "n2", "m1", "n3"]


# -- memories and the feeling ------------------------------------------------------------------------------------------


def test_memories_are_framed_as_quotations():
    sliced = Quotation(kind="persona", version=8, speaker="Card", when="now", text="sings", start=4, end=9)

    context = made(Wish(current=piece(0, "Hi"), memories=[quotation(7, "I like tea."), sliced]))

    assert context.part("recall") == [
        RECALL_HEADING + "\n- Anna, three days ago: “I like tea.”" + "\n- Card, now: “sings”"
    ]
    (recall, _) = context.manifest
    assert {"of": 7} in recall["segments"]
    assert {"of": 8, "start": 4, "end": 9} in recall["segments"]


def test_a_memory_that_does_not_fit_makes_room_for_a_smaller_one():
    context = made(
        Wish(
            shares=window(200),
            memories=[quotation(7, "tea " * 60), quotation(8, "rain"), quotation(9, "wind")],
            top_k=1,
        )
    )

    assert context.taken == [False, True, False]
    assert context.quoted == {8}


def test_a_memory_that_the_widened_window_shows_is_quoted_no_more():
    near = made(Wish(shares=window(130), history=pieces(8), memories=[quotation(100, "m0")]))
    far = made(Wish(shares=window(130), history=pieces(9), memories=[quotation(100, "m0")]))

    assert (near.taken, near.quoted, shown(near)) == ([True], set(), [0, 1, 2, 3, 4, 5, 6, 7])
    assert (far.taken, far.quoted, shown(far)) == ([True], {100}, [2, 3, 4, 5, 6, 7, 8])


def test_what_recall_leaves_unused_shows_more_of_the_history():
    alone = made(Wish(shares=window(200), history=pieces(40)))
    beside = made(Wish(shares=window(200), history=pieces(40), memories=[quotation(7, "tea")]))

    assert len(alone.shown) == 16
    assert len(beside.shown) == 12


def test_the_feeling_stands_behind_the_memories_or_alone():
    both = made(Wish(memories=[quotation(7, "tea")], feeling="\nAnna seems sad."))
    alone = made(Wish(feeling="\nAnna seems sad."))

    assert both.part("recall")[0].endswith("”\nAnna seems sad.")
    assert alone.part("recall") == ["\nAnna seems sad."]


def test_a_feeling_that_does_not_fit_is_left_out():
    draft = Draft(window(100), Words(), Frame())

    assert not draft.add_feeling(lambda _: ([{"text": "sad " * 30}], "sad " * 30))
    assert draft.add_feeling(lambda _: ([{"text": "sad"}], "sad"))
    assert [entry["segments"] for entry in draft.finish()[0]] == [[{"text": "sad"}]]


def test_each_message_that_the_window_comes_to_show_leaves_the_paragraph():
    def paragraph(without: frozenset[int]) -> tuple[list[Segment], str]:
        return [{"text": "sad"}, *({"of": version} for version in range(100, 140) if version not in without)], "sad"

    draft = Draft(window(300), Words(), Frame())
    before = draft.open_window(reversed(pieces(40)), summary=None, limit=100)
    draft.add_feeling(lambda without: paragraph(without | before))

    shown = draft.widen()

    assert len(shown) > len(before)
    assert draft.moments == frozenset(range(100, 140)) - shown


# -- limits ------------------------------------------------------------------------------------------------------------


def test_what_is_never_cut_and_does_not_fit_is_refused():
    frame = Frame(leading=[instruction(1, "be kind " * 20)])

    with pytest.raises(ContextTooLong):
        made(Wish(shares=window(50), frame=frame, current=piece(0, "Hi")))


def test_the_budget_says_what_each_part_was_given_and_used():
    context = made(
        Wish(
            shares=window(200),
            frame=Frame(leading=[instruction(1, "You are Mira.")]),
            current=piece(40, "Hi"),
            history=pieces(2),
            memories=[quotation(7, "I like tea.")],
        )
    )

    assert context.budget == {
        "window": 200,
        "tokenizer": "words",
        "parts": {
            "persona": {"allotted": 12, "used": 12},
            "recall": {"allotted": 50, "used": 4 + Words().count(RECALL_HEADING) + 8},
            "history": {"allotted": 98, "used": 20},
            "response": {"allotted": 40, "used": 0},
        },
    }
