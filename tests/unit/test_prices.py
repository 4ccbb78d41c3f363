"""What models cost: the list that comes with the program, the operator's own, and snapshots of listed models."""

import json
from datetime import date
from pathlib import Path

import pytest

from api.prices import OWN, price_list
from projections.usage import Price

LITE = Price(input=0.3, output=2.5, cached=0.03)


def test_our_own_list_is_dated_and_dear_things_are_not_cheap() -> None:
    prices = price_list()

    assert date.fromisoformat(json.loads(OWN.read_text())["as_of"]) >= date(2026, 11, 1)
    assert prices["gemini-3.5-flash-lite"] == LITE
    assert prices["heartline-offline"] == Price(input=0, output=0, cached=0)
    assert len(list(prices)) == len(prices) > 15
    assert all(price.cached <= price.input <= price.output for price in prices.values())


@pytest.mark.parametrize(
    "name",
    [
        "models/gemini-3.5-flash-lite",
        "google/gemini-3.5-flash-lite",
        "gemini-3.5-flash-lite-001",
        "gemini-3.5-flash-lite-preview-09-2026",
        "gemini-3.5-flash-lite-latest",
    ],
)
def test_a_snapshot_costs_what_its_model_does(name: str) -> None:
    assert price_list()[name] == LITE


def test_a_snapshot_of_openais_does_so_too() -> None:
    assert price_list()["gpt-4o-mini-2024-07-18"].output == 0.6


@pytest.mark.parametrize("name", ["llama3.2:3b", "gemini-9-flash", "gemini", "gpt-4o-mini-tts", "gemini-3.5"])
def test_what_an_unlisted_model_costs_is_unknown(name: str) -> None:
    assert price_list().get(name) is None


def test_the_operators_prices_go_before_ours(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(
        '{"models": {"gemini-3.5-flash-lite": {"input": 1, "output": 2}, "mine": {"input": 0, "output": 0}}}'
    )

    prices = price_list(file)

    assert prices["gemini-3.5-flash-lite"] == Price(input=1, output=2, cached=1)
    assert prices["mine"] == Price(input=0, output=0, cached=0)
    assert prices["gpt-4o-mini"].input == 0.15
