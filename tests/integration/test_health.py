"""What `/health` tells of a system that is well, degraded, or cannot serve."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest

from api.health import Health
from domain.errors import Unavailable
from tests.builders import SessionBuilder
from tests.fakes_log import DamagedLog
from tests.fakes_models import ScriptedModel
from tests.system import Outside, System, system
from tests.turn_fakes import FlakyEncoder


class FailingLog(DamagedLog):
    """A log that cannot be read while `failing`."""

    failing = False

    def last_position(self) -> int:
        if self.failing:
            raise Unavailable("The disk is gone.")
        return super().last_position()


@pytest.fixture
def log() -> FailingLog:
    return FailingLog()


@pytest.fixture
def encoder() -> FlakyEncoder:
    return FlakyEncoder()


@pytest.fixture
async def heartline(tmp_path: Path, log: FailingLog, encoder: FlakyEncoder) -> AsyncGenerator[System, None]:
    async with system(tmp_path, outside=Outside(log=log, encoder=encoder)) as built:
        yield built


async def report(heartline: System) -> dict[str, Any]:
    health = Health(
        log=heartline.log,
        follower=heartline.follower,
        perception=heartline.perception,
        model=ScriptedModel(),
        indexes=heartline.indexes,
        aftercare=heartline.aftercare,
    )
    return cast("dict[str, Any]", await health.report())


async def test_a_system_that_is_well_tells_of_its_parts(heartline: System, encoder: FlakyEncoder) -> None:
    await heartline.talk("tea", "Hello")
    await heartline.follower.reached(heartline.log.last_position())

    assert await report(heartline) == {
        "status": "ok",
        "log": {"position": 6},
        "views": {"running": True, "position": 6, "lag": 0, "stopped": []},
        "model": {"provider": "offline", "default": "scripted"},
        "embedder": {"id": encoder.id, "error": None},
        "detector": "keywords:1",
        "sessions_warm": 1,
        "sessions_waiting": 0,
    }


async def test_without_the_encoder_it_is_degraded_until_it_answers(heartline: System, encoder: FlakyEncoder) -> None:
    encoder.failing = True
    await heartline.talk("tea", "Hello")
    failing = await report(heartline)
    encoder.failing = False
    await heartline.look_after("tea")

    assert (failing["status"], failing["embedder"]["error"]) == ("degraded", "The encoder does not answer.")
    assert (await report(heartline))["status"] == "ok"


async def test_a_log_that_cannot_be_read_makes_it_unavailable(heartline: System, log: FailingLog) -> None:
    log.failing = True
    told = await report(heartline)
    log.failing = False

    assert told == {"status": "unavailable", "log": {"error": "The disk is gone."}}


async def test_a_follower_that_ended_makes_it_unavailable(heartline: System) -> None:
    heartline.follower.close()

    told = await report(heartline)

    assert (told["status"], told["views"]["running"]) == ("unavailable", False)


async def test_a_stopped_view_makes_it_unavailable(heartline: System, encoder: FlakyEncoder) -> None:
    with heartline.models.views.write() as db:
        db.execute("DROP TABLE emotions_wanted")

    await heartline.talk("tea", "Hello")
    await heartline.follower.reached(heartline.log.last_position())

    told = await report(heartline)
    assert told["status"] == "unavailable"
    (stopped,) = told["views"]["stopped"]
    assert (stopped["view"], stopped["position"]) == ("emotions", 2)
    assert "emotions_wanted" in stopped["error"]


async def test_an_event_that_cannot_be_read_makes_it_unavailable_and_is_named(
    heartline: System, log: FailingLog
) -> None:
    log.damaged = 1
    await SessionBuilder().store(log)
    with pytest.raises(Unavailable):
        await heartline.follower.caught_up()

    told = await report(heartline)

    assert (told["status"], told["views"]["running"]) == ("unavailable", True)
    assert {(one["position"], one["error"]) for one in told["views"]["stopped"]} == {(1, "It is damaged.")}
