"""What tests of turns are made with: a log, a model and an encoder that do as they are told, and a system of them.

A file that wants others of these names defines its own.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.fakes_models import ScriptedModel
from tests.system import Outside, System, system
from tests.turn_fakes import FlakyEncoder, PlannedLog


@pytest.fixture
def log() -> PlannedLog:
    return PlannedLog()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def encoder() -> FlakyEncoder:
    return FlakyEncoder()


@pytest.fixture
async def heartline(
    tmp_path: Path, log: PlannedLog, model: ScriptedModel, encoder: FlakyEncoder
) -> AsyncGenerator[System, None]:
    async with system(tmp_path, outside=Outside(log=log, model=model, encoder=encoder)) as built:
        yield built
