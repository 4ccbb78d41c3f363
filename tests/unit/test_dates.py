"""Days that a text names, seen from the day it was said or asked on."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.dates import MOST, days_asked, days_in

THURSDAY = date(2023, 5, 25)


def told(text: str, said: date = THURSDAY) -> list[tuple[str, str, str]]:
    found = days_in(text, said.toordinal())
    return [(str(date.fromordinal(one.first)), str(date.fromordinal(one.last)), one.unit) for one in found]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I met her yesterday", "2023-05-24"),
        ("the day before yesterday", "2023-05-23"),
        ("See you tomorrow!", "2023-05-26"),
        ("We danced last night", "2023-05-24"),
        ("It was last Friday", "2023-05-19"),
        ("It was last Thursday", "2023-05-18"),
        ("on Monday", "2023-05-22"),
        ("next Thursday", "2023-06-01"),
        ("next Friday", "2023-05-26"),
        ("three days ago", "2023-05-22"),
        ("on 7 May 2023", "2023-05-07"),
        ("on May 7th, 2023", "2023-05-07"),
        ("March-15-2024", "2024-03-15"),
        ("2024-02-29", "2024-02-29"),
        ("on the 3rd of December", "2022-12-03"),
        ("on June 2", "2023-06-02"),
    ],
)
def test_a_day_is_read(text: str, day: str) -> None:
    assert told(text) == [(day, day, "day")]


@pytest.mark.parametrize(
    ("text", "first", "last", "unit"),
    [
        ("two weeks ago", "2023-05-08", "2023-05-14", "day"),
        ("last week", "2023-05-15", "2023-05-21", "day"),
        ("this weekend", "2023-05-27", "2023-05-28", "day"),
        ("two weekends ago", "2023-05-13", "2023-05-14", "day"),
        ("in April", "2023-04-01", "2023-04-30", "month"),
        ("in December", "2022-12-01", "2022-12-31", "month"),
        ("Sept. 2021", "2021-09-01", "2021-09-30", "month"),
        ("last month", "2023-04-01", "2023-04-30", "month"),
        ("five months ago", "2022-12-01", "2022-12-31", "month"),
        ("last summer", "2022-06-01", "2022-08-31", "month"),
        ("next summer", "2023-06-01", "2023-08-31", "month"),
        ("a couple of years ago", "2021-01-01", "2021-12-31", "year"),
        ("in 2019", "2019-01-01", "2019-12-31", "year"),
        ("last year", "2022-01-01", "2022-12-31", "year"),
    ],
)
def test_a_longer_time_is_read(text: str, first: str, last: str, unit: str) -> None:
    assert told(text) == [(first, last, unit)]


@pytest.mark.parametrize(
    "text",
    ["", "I may go, and march on", "31 February 2023", "a day well spent", "500 days ago", "room 2150", "in 9999 days"],
)
def test_what_is_no_day_names_none(text: str) -> None:
    assert told(text) == []


def test_may_is_a_month_behind_a_word_that_wants_a_time() -> None:
    assert told("She said in May that we may go") == [("2023-05-01", "2023-05-31", "month")]


def test_a_question_about_a_month_asks_for_that_of_each_of_the_last_years() -> None:
    found = days_asked("What happened in June?", THURSDAY.toordinal(), years=2)

    assert [str(date.fromordinal(one.first)) for one in found] == ["2023-06-01", "2022-06-01"]


def test_a_question_about_yesterday_is_seen_from_the_day_it_is_asked_on() -> None:
    (yesterday,) = days_asked("What did I say yesterday?", THURSDAY.toordinal())

    assert date.fromordinal(yesterday.first) == date(2023, 5, 24)


def test_a_text_full_of_days_is_cut_short() -> None:
    assert len(told("yesterday " * 100)) == MOST


@given(text=st.text(), said=st.dates())
def test_no_text_on_any_day_is_refused(text: str, said: date) -> None:
    for days in (*days_in(text, said.toordinal()), *days_asked(text, said.toordinal())):
        assert days.first <= days.last


_PIECES = "last next this 3 10 years months weeks ago in on may May 2 30 0000 9999 - , winter"
PIECES = st.sampled_from(_PIECES.split())


@given(pieces=st.lists(PIECES, max_size=8), said=st.dates())
def test_no_odd_date_is_refused_either(pieces: list[str], said: date) -> None:
    for days in days_in(" ".join(pieces), said.toordinal()):
        assert days.first <= days.last


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("5 Augu\u017ft 2022", "2022-08-05"),
        ("la\u017ft \u017funday", "2023-05-21"),
        ("fr\u0131day", "2023-05-19"),
        ("\u017feven days ago", "2023-05-18"),
        ("thi\u017f morning", "2023-05-25"),
        ("next \u017fummer", "2023-06-01"),
    ],
)
def test_old_and_turkish_letters_are_those_that_they_look_like(text: str, first: str) -> None:
    assert [days[0] for days in told(text)] == [first]
    assert days_asked(text, THURSDAY.toordinal())


_WORDS = (
    "last",
    "next",
    "two",
    "7",
    "weeks",
    "ago",
    "Sunday",
    "sept",
    "may",
    "5",
    "2023",
    "night",
    "in",
    "summer",
    "9999",
)


@given(
    words=st.lists(st.sampled_from(_WORDS), max_size=8),
    odd=st.sampled_from(["s\u017f", "i\u0131", "k\u212a", "5\u0665", "I\u0130", " \u00a0"]),
    said=st.sampled_from([1, THURSDAY.toordinal(), date.max.toordinal()]),
)
def test_no_spelling_of_a_day_fails(words: list[str], odd: str, said: int) -> None:
    text = " ".join(words).replace(odd[0], odd[1])

    assert len(days_in(text, said)) <= MOST
    assert len(days_asked(text, said)) <= MOST
