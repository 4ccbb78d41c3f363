"""What `/health` tells of a system that is well, degraded, or cannot serve, and by what it notices."""

import asyncio
import resource
import socket
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from api.access.allowance import Unlimited
from api.adapters.rate_limits import RateLimits, SharedStore
from api.health import MEBIBYTE, Disk, Health
from api.model_calls import ModelCalls
from api.ports import ModelFailed
from domain.errors import Unavailable
from projections.ports import LoggedEvent
from tests.builders import SessionBuilder
from tests.fakes_log import DamagedLog
from tests.fakes_models import ScriptedModel
from tests.system import NOON, Clock, Outside, System, system
from tests.turn_fakes import FlakyEncoder, until


class FailingLog(DamagedLog):
    """A log whose end is not known while `failing`, and whose events cannot be read while `unreadable`."""

    failing = False
    unreadable = False

    def last_position(self) -> int:
        if self.failing:
            raise Unavailable("The disk is gone.")
        return super().last_position()

    def read(self, after: int, limit: int) -> list[LoggedEvent]:
        if self.unreadable:
            raise Unavailable("The feed is gone.")
        return super().read(after, limit)


@contextmanager
def no_file_may_grow() -> Generator[None]:
    """Every write beyond a file's first byte fails, for the whole process, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def log() -> FailingLog:
    return FailingLog()


@pytest.fixture
def encoder() -> FlakyEncoder:
    return FlakyEncoder()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def calls() -> ModelCalls:
    return ModelCalls(clock=Clock())


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(folder=tmp_path)


@pytest.fixture
async def heartline(
    tmp_path: Path, log: FailingLog, encoder: FlakyEncoder, model: ScriptedModel, calls: ModelCalls
) -> AsyncGenerator[System, None]:
    outside = Outside(log=log, encoder=encoder, model=model, observe=calls.observe)
    async with system(tmp_path, outside=outside) as built:
        built.aftercare.start()
        yield built


@pytest.fixture
def health(heartline: System, model: ScriptedModel, calls: ModelCalls, disk: Disk) -> Health:
    return health_of(heartline, model, calls, disk)


def health_of(heartline: System, model: ScriptedModel, calls: ModelCalls, disk: Disk) -> Health:
    return Health(
        log=heartline.log,
        follower=heartline.follower,
        perception=heartline.perception,
        model=model,
        calls=calls,
        indexes=heartline.indexes,
        aftercare=heartline.aftercare,
        allowance=Unlimited(),
        disk=disk,
        version="1.2.3",
    )


async def report(health: Health) -> dict[str, Any]:
    return cast("dict[str, Any]", await health.report())


async def test_a_system_that_is_well_tells_of_its_parts(
    health: Health, heartline: System, encoder: FlakyEncoder
) -> None:
    await heartline.talk("tea", "Hello")
    await until(lambda: heartline.aftercare.waiting == 0)
    await heartline.follower.reached(heartline.log.last_position())

    told = await report(health)

    assert 0 <= told.pop("uptime_seconds") < 60
    assert told["disk"].pop("free_bytes") > 0
    assert told == {
        "status": "ok",
        "reasons": [],
        "version": "1.2.3",
        "log": {"position": 6, "error": None},
        "views": {"running": True, "position": 6, "lag": 0, "error": None, "stopped": []},
        "disk": {},
        "model": {
            "provider": "offline",
            "default": "scripted",
            "last_answer": NOON.isoformat(),
            "last_failure": None,
        },
        "embedder": {"id": encoder.id, "error": None},
        "detector": "keywords:1",
        "aftercare": {"running": True, "waiting": 0},
        "limits": {"error": None},
        "sessions_warm": 1,
    }


# -- degraded ----------------------------------------------------------------------------------------------------------


async def test_without_the_encoder_it_is_degraded_until_it_answers(
    health: Health, heartline: System, encoder: FlakyEncoder
) -> None:
    encoder.failing = True
    await heartline.talk("tea", "Hello")
    failing = await report(health)
    encoder.failing = False
    await heartline.look_after("tea")

    assert (failing["status"], failing["embedder"]["error"]) == ("degraded", "The encoder does not answer.")
    assert failing["reasons"] == ["Texts are not encoded: The encoder does not answer."]
    assert (await report(health))["status"] == "ok"


async def test_a_model_that_failed_last_makes_it_degraded_until_it_answers(
    health: Health, heartline: System, model: ScriptedModel
) -> None:
    model.will(ModelFailed("Busy.", code="rate_limit_exceeded", status=429))
    with pytest.raises(ModelFailed):
        await heartline.talk("tea", "Hello")
    failing = await report(health)
    heartline.clock.pass_(minutes=1)
    model.will("Hello.")
    cast("Clock", health.calls.clock).pass_(minutes=1)
    await heartline.talk("tea", "Hello again")
    well = await report(health)

    assert failing["status"] == "degraded"
    assert failing["reasons"] == ["The language model failed when last asked: rate_limit_exceeded."]
    assert failing["model"]["last_failure"] == {"code": "rate_limit_exceeded", "at": NOON.isoformat()}
    assert well["status"] == "ok"
    assert well["model"]["last_failure"] == failing["model"]["last_failure"]


@pytest.mark.parametrize(("code", "status"), [("rejected", 400), ("cancelled", 499), ("content_filter", 502)])
async def test_what_the_client_asked_for_is_no_illness_of_the_model(
    health: Health, heartline: System, model: ScriptedModel, code: str, status: int
) -> None:
    model.will(ModelFailed("No.", code=code, status=status))
    with pytest.raises(ModelFailed):
        await heartline.talk("tea", "Hello")

    assert (await report(health))["status"] == "ok"


async def test_a_redis_that_is_away_makes_it_degraded_and_is_told_of_once(
    health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    nobody = SharedStore(url=f"redis://127.0.0.1:{port}/0", away_seconds=0)
    limits = RateLimits(requests_a_minute=1, tokens_a_day=None, redis=nobody)

    told = [await report(replace(health, allowance=limits)) for _ in range(3)]
    admitted = await limits.admit("mira")
    await limits.close()

    assert {one["status"] for one in told} == {"degraded"}
    assert told[0]["reasons"] == ["Limits are counted by each process alone: Redis does not answer: ConnectionError."]
    assert told[0]["limits"] == {"error": "Redis does not answer: ConnectionError."}
    assert [record.name for record in caplog.records if record.levelname == "WARNING"] == ["api.adapters.rate_limits"]
    assert admitted.spent is None, "what it counts for itself stands in nobody's way"


async def test_an_aftercare_that_ended_makes_it_degraded(health: Health, heartline: System) -> None:
    await heartline.aftercare.close()

    told = await report(health)

    assert (told["status"], told["aftercare"]["running"]) == ("degraded", False)
    assert told["reasons"] == ["Nothing is summarised behind the turns."]


async def test_little_room_on_the_disk_makes_it_degraded(health: Health, disk: Disk) -> None:
    told = await report(replace(health, disk=replace(disk, degraded_below=disk.free() * 2)))

    assert told["status"] == "degraded"
    assert told["reasons"] == [f"The disk of the data has {told['disk']['free_bytes'] // MEBIBYTE} MiB left."]


# -- unavailable -------------------------------------------------------------------------------------------------------


async def test_next_to_no_room_on_the_disk_makes_it_unavailable(health: Health, disk: Disk) -> None:
    told = await report(
        replace(health, disk=replace(disk, degraded_below=disk.free() * 2, unavailable_below=disk.free() * 2))
    )

    assert told["status"] == "unavailable"


async def test_a_data_folder_that_went_away_makes_it_unavailable(health: Health, tmp_path: Path) -> None:
    told = await report(replace(health, disk=Disk(folder=tmp_path / "gone")))

    assert (told["status"], told["disk"]) == ("unavailable", {"free_bytes": None})
    assert told["reasons"] == ["The data folder cannot be reached."]


async def test_a_log_that_cannot_be_read_makes_it_unavailable(health: Health, log: FailingLog) -> None:
    log.failing = True
    told = await report(health)
    log.failing = False

    assert (told["status"], told["log"]) == ("unavailable", {"error": "The disk is gone."})
    assert told["reasons"] == ["The disk is gone."]


async def test_a_log_that_cannot_be_written_makes_it_unavailable_until_it_can(
    tmp_path: Path, model: ScriptedModel, calls: ModelCalls, disk: Disk
) -> None:
    async with system(tmp_path, outside=Outside(model=model)) as heartline:
        heartline.aftercare.start()
        health = health_of(heartline, model, calls, disk)
        before = await report(health)
        with no_file_may_grow():
            failing = await report(health)
        after = await report(health)

    assert (before["status"], after["status"]) == ("ok", "ok")
    assert failing["status"] == "unavailable"
    assert failing["reasons"][0].startswith("The event log cannot be used: ")
    assert failing["log"]["error"] == failing["reasons"][0]


async def test_a_log_that_somebody_else_holds_makes_it_unavailable_soon(
    tmp_path: Path, model: ScriptedModel, calls: ModelCalls, disk: Disk
) -> None:
    async with system(tmp_path, outside=Outside(model=model)) as heartline:
        health = replace(health_of(heartline, model, calls, disk), probe_seconds=0.2)
        with closing(sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            told = await asyncio.gather(report(health), report(health))
            other.execute("ROLLBACK")

    assert [one["status"] for one in told] == ["unavailable", "unavailable"]
    assert told[0]["reasons"][0] == "Writing to the event log takes longer than 0.2 seconds."


async def test_a_follower_that_ended_makes_it_unavailable(health: Health, heartline: System) -> None:
    heartline.follower.close()

    told = await report(health)

    assert (told["status"], told["views"]["running"]) == ("unavailable", False)
    assert told["reasons"] == ["The views are not kept up to date: their thread has ended."]


async def test_a_follower_that_cannot_go_on_makes_it_unavailable_until_it_can(
    health: Health, heartline: System, log: FailingLog
) -> None:
    log.unreadable = True
    log.wake()
    await until(lambda: heartline.follower.status().error)
    failing = await report(health)
    log.unreadable = False
    await until(lambda: heartline.follower.status().error is None)

    assert (failing["status"], failing["views"]["error"]) == ("unavailable", "The feed is gone.")
    assert failing["reasons"] == ["The views are not kept up to date: The feed is gone."]
    assert (await report(health))["status"] == "ok"


async def test_a_stopped_view_makes_it_unavailable(health: Health, heartline: System) -> None:
    with heartline.models.views.write() as db:
        db.execute("DROP TABLE emotions_wanted")

    await heartline.talk("tea", "Hello")
    await heartline.follower.reached(heartline.log.last_position())

    told = await report(health)
    assert told["status"] == "unavailable"
    (stopped,) = told["views"]["stopped"]
    assert (stopped["view"], stopped["position"]) == ("emotions", 2)
    assert "emotions_wanted" in stopped["error"]
    assert told["reasons"] == ["Views stopped before an event: emotions (at 2)."]
    assert health.readings().views_stopped == 1


async def test_an_event_that_cannot_be_read_makes_it_unavailable_and_is_named(
    health: Health, heartline: System, log: FailingLog
) -> None:
    log.damaged = 1
    await SessionBuilder().store(log)
    with pytest.raises(Unavailable):
        await heartline.follower.caught_up()

    told = await report(health)

    assert (told["status"], told["views"]["running"]) == ("unavailable", True)
    assert {(one["position"], one["error"]) for one in told["views"]["stopped"]} == {(1, "It is damaged.")}
