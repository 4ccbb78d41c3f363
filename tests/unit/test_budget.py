"""How the window is divided: what is never cut comes first, the rest gives way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.budget import Shares, allot
from domain.errors import ContextTooLong

THOUSAND = Shares(window=1000)


def test_within_its_share_the_persona_leaves_the_others_theirs():
    allotment = allot(THOUSAND, fixed=200, max_tokens=None)

    assert (allotment.persona, allotment.recall, allotment.history, allotment.response) == (200, 250, 350, 200)


def test_what_the_persona_leaves_unused_goes_to_history():
    assert allot(THOUSAND, fixed=50, max_tokens=None).history == 500


def test_what_the_persona_takes_beyond_its_share_comes_from_history_first():
    allotment = allot(THOUSAND, fixed=450, max_tokens=None)

    assert (allotment.recall, allotment.history) == (250, 100)


def test_when_history_is_used_up_recall_gives_way():
    allotment = allot(THOUSAND, fixed=700, max_tokens=None)

    assert (allotment.recall, allotment.history) == (100, 0)


def test_persona_and_message_may_fill_all_but_the_response():
    allotment = allot(THOUSAND, fixed=800, max_tokens=None)

    assert (allotment.recall, allotment.history, allotment.response) == (0, 0, 200)


def test_more_than_that_is_a_context_too_long():
    with pytest.raises(ContextTooLong, match="801 tokens") as caught:
        allot(THOUSAND, fixed=801, max_tokens=None)

    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


def test_the_response_is_reserved_what_the_client_asks_for():
    allotment = allot(THOUSAND, fixed=200, max_tokens=100)

    assert (allotment.response, allotment.history) == (100, 450)


def test_the_response_is_never_reserved_more_than_half_of_the_window():
    assert allot(THOUSAND, fixed=200, max_tokens=100_000).response == 500


percent = st.integers(0, 100)


@given(
    window=st.integers(1, 200_000),
    recall=percent,
    response=percent,
    fixed=st.integers(0, 250_000),
    max_tokens=st.none() | st.integers(0, 250_000),
)
def test_the_parts_never_exceed_the_window_or_it_is_too_long(
    window: int, recall: int, response: int, fixed: int, max_tokens: int | None
):
    shares = Shares(window=window, recall=recall, response=response)
    try:
        allotment = allot(shares, fixed=fixed, max_tokens=max_tokens)
    except ContextTooLong:
        reserved = window * response // 100 if max_tokens is None else min(max_tokens, window // 2)
        assert fixed + reserved > window
        return

    parts = (allotment.persona, allotment.recall, allotment.history, allotment.response)
    assert min(parts) >= 0
    assert sum(parts) <= allotment.window == window
    assert allotment.persona == fixed


@given(window=st.integers(256, 200_000), recall=st.integers(0, 40), history=st.integers(0, 40))
def test_shares_of_the_whole_leave_only_what_rounding_leaves(window: int, recall: int, history: int):
    shares = Shares(window=window, persona=10, recall=recall, history=history, response=90 - recall - history)

    allotment = allot(shares, fixed=5, max_tokens=None)

    parts = (allotment.persona, allotment.recall, allotment.history, allotment.response)
    assert window - 4 < sum(parts) <= window


def test_a_small_history_share_keeps_the_history_small():
    allotment = allot(Shares(window=1000, persona=0, history=10), fixed=0, max_tokens=None)

    assert (allotment.history, allotment.recall) == (100, 250)
