"""How long another server asks to wait, whatever it writes there."""

import math

import pytest

from api.adapters.failures import busy, wait_of
from api.adapters.gemini_failures import seconds_of
from api.errors import failure


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("inf", None), ("1e999", None), ("nan", None), ("soon", None), ("", None)],
)
def test_a_wait_is_a_finite_number_or_none(header: str, seconds: float | None) -> None:
    assert wait_of(header) == seconds
    assert seconds_of(f"{header}s") == seconds


def test_a_wait_without_end_can_still_be_told() -> None:
    told = failure(busy("Wait.", retry_after=wait_of("inf")))

    assert math.isfinite(float(told.headers["Retry-After"]))


def test_a_date_that_is_past_asks_for_no_wait() -> None:
    assert wait_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
