"""The context, for any frame, history, memories, summary and budget: what must never happen does not."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.budget import Shares
from domain.context import SUMMARY_HEADING, Frame, Inner, Piece
from domain.errors import ContextTooLong
from domain.manifest import context_sha256, render, versions_in
from domain.recalled import RECALL_HEADING, Quotation
from domain.records import ManifestMessage
from tests.drafts import Made, Quarters, Wish, Words, made, texts_of, tokens_of

FIRST_MESSAGE, FIRST_MEMORY = 100, 500

texts = st.sampled_from(["", "🙂", "It rains.", "Mira: “Tea?”", "Ärger " * 7, "so many words " * 12, "x" * 90])
names = st.none() | st.sampled_from(["Mira", "the old narrator"])


@st.composite
def frames(draw: st.DrawFn, places: int) -> Frame:
    def instructions(first: int) -> list[Piece]:
        drawn = draw(st.lists(texts, max_size=3))
        return [Piece(version=first + n, role="system", text=text) for n, text in enumerate(drawn)]

    inner = [Inner(piece=one, before=draw(st.integers(0, places))) for one in instructions(10)]
    return Frame(leading=instructions(1), inner=inner, trailing=instructions(20))


@st.composite
def histories(draw: st.DrawFn) -> list[Piece]:
    roles = draw(st.lists(st.sampled_from(["user", "assistant", "assistant", "tool"]), max_size=12))
    return [
        Piece(
            version=FIRST_MESSAGE + place,
            place=place,
            role=role,
            text=draw(texts),
            name=draw(names),
            tool_calls=[{"id": f"c{place}"}] if role == "assistant" and draw(st.booleans()) else (),
            tool_call_id=f"c{place - 1}" if role == "tool" else None,
        )
        for place, role in enumerate(roles)
    ]


@st.composite
def recalled(draw: st.DrawFn, history: list[Piece]) -> list[Quotation]:
    """Messages of the history, and others with a slice of theirs."""
    old = draw(st.lists(st.sampled_from(history), unique_by=lambda piece: piece.version)) if history else []
    quoted = [
        Quotation(kind="message", version=piece.version, speaker="Mira", when="one day ago", text=piece.text)
        for piece in old
    ]
    slices = enumerate(draw(st.lists(texts, max_size=4)), start=FIRST_MEMORY)
    chunks = [
        Quotation(kind="persona", version=version, speaker="Card", when="now", text=text, start=3, end=3 + len(text))
        for version, text in slices
    ]
    return draw(st.permutations(quoted + chunks))


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    history = draw(histories())
    place = len(history)
    current = Piece(version=FIRST_MESSAGE + place, place=place, role="user", text=draw(texts), name=draw(names))
    summary = Piece(version=50, role="system", text=draw(texts))
    shares = Shares(
        window=draw(st.integers(50, 700)),
        recall=draw(st.integers(0, 60)),
        history=35,
        response=draw(st.integers(0, 40)),
    )
    return Wish(
        shares=shares,
        counter=draw(st.sampled_from([Words(), Quarters()])),
        frame=draw(frames(place)),
        current=draw(st.sampled_from([current, None])),
        history=history,
        memories=draw(recalled(history)),
        summary=draw(st.sampled_from([summary, None])),
        feeling=draw(st.sampled_from(["", "\nMira seems sad. Twice before, three days ago."])),
        limit=draw(st.integers(0, 14)),
        top_k=draw(st.integers(0, 6)),
        max_tokens=draw(st.none() | st.integers(1, 900)),
    )


def fixed_tokens(wish: Wish) -> int:
    """What the pieces that are never cut cost."""
    pieces = [*wish.frame.pieces, *([wish.current] if wish.current else [])]
    entries: list[ManifestMessage] = [
        {"role": piece.role, "name": piece.name, "part": "", "segments": [{"text": piece.text}]} for piece in pieces
    ]
    return sum(tokens_of(message, wish.counter) for message in render(entries, {}))


def reserved_tokens(wish: Wish) -> int:
    """What is kept free for the response."""
    share = wish.shares.window * wish.shares.response // 100
    return share if wish.max_tokens is None else min(wish.max_tokens, wish.shares.window // 2)


# -- what holds of every context ---------------------------------------------------------------------------------------


def instructions_and_the_current_message_are_whole_and_in_order(wish: Wish, context: Made) -> None:
    frame = wish.frame
    inner = sorted(frame.inner, key=lambda placed: placed.before)
    instructions = [*frame.leading, *(placed.piece for placed in inner), *frame.trailing]
    assert context.part("persona") == [piece.text for piece in instructions]
    assert context.part("current") == ([wish.current.text] if wish.current else [])
    ends = [entry["segments"] for entry in context.manifest]
    assert ends[: len(frame.leading)] == [[{"of": piece.version}] for piece in frame.leading]
    assert ends[len(ends) - len(frame.trailing) :] == [[{"of": piece.version}] for piece in frame.trailing]


def with_the_response_reserved_it_never_exceeds_the_window(wish: Wish, context: Made) -> None:
    reserved = reserved_tokens(wish)
    counted = sum(tokens_of(message, wish.counter) for message in context.rendered)
    assert counted + reserved <= wish.shares.window
    parts = context.budget["parts"]
    assert counted <= sum(share["used"] for share in parts.values()) <= wish.shares.window - reserved
    assert parts["response"]["allotted"] == reserved


def nothing_quoted_is_also_shown(_: Wish, context: Made) -> None:
    recalls = [entry for entry in context.manifest if entry["part"] == "recall"]
    others = [entry for entry in context.manifest if entry["part"] != "recall"]
    assert versions_in(recalls) == context.quoted
    assert not versions_in(others) & context.quoted


def the_window_is_the_newest_of_the_history_without_a_gap(wish: Wish, context: Made) -> None:
    shown = [version for entry in context.manifest if entry["part"] == "history" for version in versions_in([entry])]
    newest = [piece.version for piece in wish.history][len(wish.history) - len(shown) :]
    assert shown == newest == sorted(context.shown)
    assert len(shown) <= wish.limit
    assert not shown or wish.history[-len(shown)].role != "tool"


def an_inner_instruction_keeps_its_neighbour(wish: Wish, context: Made) -> None:
    before = {placed.piece.version: placed.before for placed in wish.frame.inner}
    places = {piece.version: piece.place for piece in [*wish.history, *([wish.current] if wish.current else [])]}
    messages = [entry for entry in context.manifest if entry["part"] != "recall"]
    dialogue = [version for entry in messages for version in versions_in([entry])]
    for index, version in enumerate(dialogue):
        if version in before:
            assert all(places[one] < before[version] for one in dialogue[:index] if one in places)
            assert all(places[one] >= before[version] for one in dialogue[index:] if one in places)


def a_summary_stands_only_before_a_history_that_was_cut(wish: Wish, context: Made) -> None:
    stands = [SUMMARY_HEADING + wish.summary.text] if wish.summary and context.summary else []
    assert context.part("summary") == stands
    assert not stands or len(context.shown) < len(wish.history)


def it_renders_to_the_texts_it_was_made_of_and_again_to_the_same_bytes(wish: Wish, context: Made) -> None:
    texts_by_version = texts_of(wish)
    for entry, content in zip(context.manifest, (message["content"] for message in context.rendered), strict=True):
        if entry["part"] in ("persona", "history", "current"):
            (version,) = versions_in([entry])
            assert content == texts_by_version[version]
    lines = [memory.line for memory in wish.memories if memory.version in context.quoted]
    for content in context.part("recall"):
        assert content.removesuffix(wish.feeling) == RECALL_HEADING * bool(lines) + "".join(lines)
    stored = json.loads(json.dumps(context.manifest))
    assert json.dumps(render(stored, texts_by_version)) == json.dumps(context.rendered)
    assert context_sha256(made(wish).rendered) == context_sha256(context.rendered)


@settings(max_examples=150, deadline=None)
@given(wishes())
def test_of_every_context_all_of_this_holds(wish: Wish):
    try:
        context = made(wish)
    except ContextTooLong:
        assert fixed_tokens(wish) + reserved_tokens(wish) > wish.shares.window
        return

    assert fixed_tokens(wish) + reserved_tokens(wish) <= wish.shares.window
    instructions_and_the_current_message_are_whole_and_in_order(wish, context)
    with_the_response_reserved_it_never_exceeds_the_window(wish, context)
    nothing_quoted_is_also_shown(wish, context)
    the_window_is_the_newest_of_the_history_without_a_gap(wish, context)
    an_inner_instruction_keeps_its_neighbour(wish, context)
    a_summary_stands_only_before_a_history_that_was_cut(wish, context)
    it_renders_to_the_texts_it_was_made_of_and_again_to_the_same_bytes(wish, context)
