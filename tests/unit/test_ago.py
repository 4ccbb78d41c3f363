"""How long ago something was said, in words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ago import ago

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "one minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "one hour ago"),
        (timedelta(hours=12), "twelve hours ago"),
        (timedelta(hours=13), "13 hours ago"),
        (timedelta(days=1), "one day ago"),
        (timedelta(days=3), "three days ago"),
        (timedelta(days=7), "one week ago"),
        (timedelta(days=29), "four weeks ago"),
        (timedelta(days=30), "one month ago"),
        (timedelta(days=364), "twelve months ago"),
        (timedelta(days=365), "one year ago"),
        (timedelta(days=800), "two years ago"),
    ],
)
def test_the_largest_whole_unit_is_named(passed: timedelta, words: str):
    assert ago((NOW - passed).isoformat(), NOW.isoformat()) == words


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=1), timedelta(days=900)])
def test_what_a_clock_puts_into_the_future_was_said_just_now(ahead: timedelta):
    assert ago((NOW + ahead).isoformat(), NOW.isoformat()) == "just now"


def test_offsets_are_taken_into_account():
    assert ago("2026-03-01T14:00:00+02:00", "2026-03-01T13:00:00Z") == "one hour ago"


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30_000)))
def test_every_past_has_words(passed: timedelta):
    words = ago((NOW - min(passed, NOW - datetime(1, 1, 2, tzinfo=UTC))).isoformat(), NOW.isoformat())

    assert words == "just now" or words.endswith(" ago")
    assert "zero" not in words
