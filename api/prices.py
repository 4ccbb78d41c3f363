"""What models cost: a dated list that comes with the program (`prices.json`), and the operator's own before it.

An estimate and no bill: prices change, and dearer ones for long prompts, batches and regions are not in it.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, Field, ValidationError

from projections.usage import Price

OWN: Final = Path(__file__).with_suffix(".json")

# models/gemini-…, google/gemini-…: who serves a model does not change its name.
_SERVED_BY: Final = re.compile(r"^.*/")
# A snapshot costs what its model does: gpt-4o-mini-2024-07-18, gemini-3.5-flash-lite-001, …-preview-09-2026, …-latest.
_SNAPSHOT: Final = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{2,}|latest|preview(-\d{2}-\d{2,4})?)$")

Dollars = Annotated[float, Field(ge=0)]


class _Listed(BaseModel):
    input: Dollars
    output: Dollars
    cached: Dollars | None = None
    """Without it the provider gives no discount."""


class _File(BaseModel):
    models: dict[str, _Listed]


class PriceList(Mapping[str, Price]):
    """Prices by model; a snapshot of a listed model has that model's price unless it is listed itself."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    def __getitem__(self, model: str) -> Price:
        name = _SERVED_BY.sub("", model) if model not in self._prices else model
        while name not in self._prices:
            base = _SNAPSHOT.sub("", name)
            if base == name:
                raise KeyError(model)
            name = base
        return self._prices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._prices)

    def __len__(self) -> int:
        return len(self._prices)


def price_list(own: Path | None = None) -> PriceList:
    """The prices in force; those of the file `own` go before ours. Raises ValueError for a file that is none."""
    return PriceList({**_read(OWN), **(_read(own) if own is not None else {})})


def _read(file: Path) -> dict[str, Price]:
    try:
        listed = _File.model_validate_json(file.read_bytes()).models
    except (OSError, ValidationError) as error:
        raise ValueError(
            'should be a JSON file such as {"models": {"my-model": {"input": 0.3, "output": 2.5, "cached": 0.03}}}, '
            "in US dollars for a million tokens"
        ) from error
    return {
        model: Price(
            input=price.input, output=price.output, cached=price.input if price.cached is None else price.cached
        )
        for model, price in listed.items()
    }
