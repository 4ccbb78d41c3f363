"""The views' file is broken or lost, at the start or while others read: it is made anew, and no half of it is read."""

import asyncio
import os
import resource
import shutil
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread

import pytest

from domain.errors import Unavailable
from projections import views as of_views
from projections.follower import Follower
from projections.read_models import ReadModels
from projections.slot import claim_slot
from projections.views import FILE_NAME
from tests.contracts.event_log_contract import stored
from tests.fakes import MemoryEventLog
from tests.rows import Rows, every_row
from tests.turn_fakes import until


@pytest.fixture
async def log() -> MemoryEventLog:
    log = MemoryEventLog()
    for number in range(20):
        await stored(log, *(f"text {number} {again}" for again in range(10)))
    return log


@contextmanager
def opened(file: Path) -> Generator[ReadModels]:
    models = ReadModels.open(file)
    try:
        yield models
    finally:
        models.close()


@asynccontextmanager
async def followed(models: ReadModels, log: MemoryEventLog) -> AsyncGenerator[Follower]:
    follower = models.follow(log)
    follower.catch_up()
    follower.start()
    try:
        yield follower
    finally:
        await asyncio.to_thread(follower.close)


def rows_of(log: MemoryEventLog, file: Path) -> Rows:
    """What the views of the log are."""
    with opened(file) as models:
        models.follow(log).catch_up()
        return every_row(models)


def overwrite(folder: Path) -> None:
    """Not a byte of the database is left as it was; its index in memory is."""
    for file in folder.glob(f"{FILE_NAME}*"):
        if not file.name.endswith("-shm"):
            file.write_bytes(b"broken" * (file.stat().st_size // 6))


def cut_short(folder: Path) -> None:
    """What was committed and lies beside the database is not there any more."""
    os.truncate(folder / f"{FILE_NAME}-wal", 0)


def delete(folder: Path) -> None:
    for file in folder.glob(f"{FILE_NAME}*"):
        file.unlink()


@contextmanager
def no_more_files() -> Generator[None]:
    """The process may open none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def mended(models: ReadModels, follower: Follower, log: MemoryEventLog) -> None:
    """The follower has found out, and has read all."""
    log.wake()
    await until(lambda: models.views.is_whole and not models.views.is_damaged)
    await follower.caught_up()


async def test_a_file_that_is_no_database_is_made_anew_at_the_start(
    log: MemoryEventLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(b"no database" * 1000)

    assert rows_of(log, file) == rows_of(log, tmp_path / "whole" / FILE_NAME)
    assert caplog.messages == ["the views are no database: they are made anew from the log"]


async def test_a_file_with_broken_pages_is_made_anew_at_the_start(log: MemoryEventLog, tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    whole = rows_of(log, file)
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)

    assert rows_of(log, file) == whole


async def test_views_of_another_heartline_are_made_anew_and_it_is_said(
    log: MemoryEventLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / FILE_NAME
    whole = rows_of(log, file)
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 7")
    db.close()

    assert rows_of(log, file) == whole
    assert caplog.messages == ["the views are of another Heartline: they are made anew from the log"]


@pytest.mark.parametrize("break_", [overwrite, cut_short])
async def test_who_reads_a_broken_file_is_told_to_try_again_and_can_soon(
    log: MemoryEventLog, tmp_path: Path, break_: Callable[[Path], None]
) -> None:
    file = tmp_path / FILE_NAME
    whole = rows_of(log, tmp_path / "whole" / FILE_NAME)
    with opened(file) as models:
        async with followed(models, log) as follower:
            break_(tmp_path)

            with pytest.raises(Unavailable, match="being made anew"):
                every_row(models)

            await mended(models, follower, log)
            assert every_row(models) == whole
            assert follower.status().healthy


async def test_who_meets_a_machine_that_fails_is_told_its_words_and_nothing_is_made_anew(
    log: MemoryEventLog, tmp_path: Path
) -> None:
    with opened(tmp_path / FILE_NAME) as models:
        models.follow(log).catch_up()
        whole = every_row(models)

        with no_more_files(), pytest.raises(Unavailable, match=r"cannot be read now \(unable to open database file\)"):
            await asyncio.to_thread(models.views.read)

        assert not models.views.is_damaged
        assert await asyncio.to_thread(every_row, models) == whole


async def test_damage_is_found_by_a_thread_that_has_not_read_before(log: MemoryEventLog, tmp_path: Path) -> None:
    with opened(tmp_path / FILE_NAME) as models:
        follower = models.follow(log)
        follower.catch_up()
        whole = every_row(models)
        overwrite(tmp_path)

        with pytest.raises(Unavailable, match="being made anew"):
            await asyncio.to_thread(models.views.read)

        assert models.views.is_damaged
        follower.catch_up()
        assert every_row(models) == whole


async def test_a_file_that_was_found_damaged_goes_with_whoever_found_it(log: MemoryEventLog, tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    with opened(file) as models:
        models.follow(log).catch_up()
        overwrite(tmp_path)
        with pytest.raises(Unavailable):
            every_row(models)

    assert not file.exists()


async def test_a_file_that_is_deleted_while_it_is_read_is_made_anew(log: MemoryEventLog, tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    with opened(file) as models:
        async with followed(models, log) as follower:
            before = every_row(models)
            delete(tmp_path)

            await mended(models, follower, log)

            assert file.exists()
            assert every_row(models) == before


async def test_a_folder_that_is_deleted_with_its_lock_is_another_slot_from_then_on(
    log: MemoryEventLog, tmp_path: Path
) -> None:
    slot = claim_slot(tmp_path)
    models = ReadModels.open(slot.file, again=slot.again)
    async with followed(models, log) as follower:
        before = every_row(models)
        shutil.rmtree(tmp_path / "views")
        other = claim_slot(tmp_path)  # who comes meanwhile has a right to the number

        await mended(models, follower, log)

        assert slot.directory != other.directory
        assert models.views.file == slot.file
        assert every_row(models) == before
    models.close()
    other.close()
    slot.close()


async def test_nobody_reads_views_that_are_half_made(
    log: MemoryEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_views, "PATIENCE_SECONDS", 0.05)
    with opened(tmp_path / FILE_NAME) as models:
        follower = models.follow(log)
        follower.catch_up()
        models.views.make_anew()

        with pytest.raises(Unavailable, match="try again in a moment"):
            models.views.read()
        assert follower.status().error is not None

        reading = Thread(target=models.views.read)
        reading.start()
        models.views.admit()
        reading.join(5)
        assert models.views.is_whole
