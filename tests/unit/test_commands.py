"""A decision is tried again when somebody else appended first, and then no more."""

import pytest

from api.commands import ATTEMPTS, decided
from domain.errors import Conflict, HeartlineError, TurnAlreadyOpen, VersionConflict


class Decision:
    """An attempt that is refused a number of times before it succeeds."""

    def __init__(self, refusals: int, error: HeartlineError | None = None) -> None:
        self.attempts = 0
        self._refusals = refusals
        self._error = error or VersionConflict("Somebody else was first.")

    async def __call__(self) -> str:
        self.attempts += 1
        if self.attempts <= self._refusals:
            raise self._error
        return f"decided at attempt {self.attempts}"


@pytest.mark.parametrize("refusals", range(ATTEMPTS))
async def test_a_decision_is_made_again_until_it_is_the_first(refusals: int) -> None:
    decision = Decision(refusals)

    assert await decided(decision) == f"decided at attempt {refusals + 1}"
    assert decision.attempts == refusals + 1


async def test_after_three_conflicts_the_last_one_is_told() -> None:
    decision = Decision(refusals=99)

    with pytest.raises(VersionConflict, match="Somebody else was first"):
        await decided(decision)

    assert decision.attempts == 3


@pytest.mark.parametrize("error", [TurnAlreadyOpen("It answers another turn."), Conflict("No.")])
async def test_any_other_refusal_stands_at_once(error: HeartlineError) -> None:
    decision = Decision(refusals=1, error=error)

    with pytest.raises(type(error)):
        await decided(decision)

    assert decision.attempts == 1
