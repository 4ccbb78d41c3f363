"""What tests of turns are made with: a log, a model and an encoder that do as they are told, and a system of them.

A file that wants others of these names defines its own.
"""

import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from api.logs import OURS
from tests.fakes_models import ScriptedModel
from tests.system import Outside, System, system
from tests.turn_fakes import FlakyEncoder, PlannedLog


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command that is run inside this process sets up the whole process's log."""
    loggers = [logging.getLogger(name) for name in (None, *OURS)]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


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
