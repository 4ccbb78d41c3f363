"""Recorded prompts of a client, in our own words, sent in order to a real server: its path is the chat on screen."""

from pathlib import Path

from tests.recordings import recordings
from tests.replay import Outcome, replay

TAVERN = Path(__file__).parents[1] / "fixtures" / "tavern"


def test_after_each_recorded_request_the_path_is_the_chat_on_the_screen() -> None:
    outcomes = list(replay(recordings(TAVERN)))

    assert [outcome.line for outcome in outcomes if outcome.agreement == "OTHER"] == []
    assert len([outcome for outcome in outcomes if outcome.agreement != "-"]) == 40
    assert labels(outcomes, stored=False) == ["impersonate", "summary", "raw"]


def labels(outcomes: list[Outcome], *, stored: bool) -> list[str]:
    return [outcome.request.label for outcome in outcomes if outcome.stored is stored]
