"""Delete every read model, replay, compare: equal."""

import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import UnreadableEvent
from projections.read_models import ReadModels
from projections.rebuild import rebuild
from tests.builders import SessionBuilder
from tests.fakes import MemoryEventLog
from tests.fakes_log import DamagedLog
from tests.histories import STEPS, History
from tests.rows import every_row

STEP = st.tuples(st.sampled_from(sorted({"fork", *STEPS})), st.integers(min_value=0, max_value=2**16))


def files_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEP, min_size=5, max_size=30))
async def test_rebuilt_views_have_the_rows_of_those_that_followed_live(steps: list[tuple[str, int]]) -> None:
    log, history = MemoryEventLog(), History()
    with tempfile.TemporaryDirectory() as directory:
        live, anew = Path(directory) / "live", Path(directory) / "anew"
        with closing(ReadModels.open(live)) as models:
            follower = models.follow(log)
            for start in range(0, len(steps), 3):
                await history.play(steps[start : start + 3], log)
                follower.catch_up()
            followed = every_row(models)

        position = rebuild(log, anew)

        with closing(ReadModels.open(anew)) as models:
            assert every_row(models) == followed
            assert position == log.last_position()


async def test_a_rebuild_replaces_the_old_file_at_its_end(tmp_path: Path) -> None:
    file, log, chat = tmp_path / "views.sqlite3", MemoryEventLog(), SessionBuilder()
    chat.say("Hello")
    last = await chat.store(log)
    file.write_bytes(b"this is no database")
    told = list[tuple[int, int]]()

    rebuild(log, file, lambda position, end: told.append((position, end)))

    with closing(ReadModels.open(file)) as models:
        assert models.follow(log).position == last
        assert models.conversation.path(chat.id) == chat.path
    assert told == [(last, last)]
    assert files_in(tmp_path) == [file.name]


async def test_a_rebuild_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    file, log = tmp_path / "views.sqlite3", MemoryEventLog()
    await SessionBuilder().store(log)
    rebuild(log, file)
    before = file.read_bytes()

    def interrupted(position: int, end: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(log, file, interrupted)

    assert file.read_bytes() == before


async def test_a_log_that_cannot_be_read_to_its_end_leaves_the_old_views(tmp_path: Path) -> None:
    log, chat = DamagedLog(), SessionBuilder()
    chat.say("one")
    chat.say("two")
    await chat.store(log)
    with closing(ReadModels.open(tmp_path / "views")) as models:
        models.follow(log).catch_up()
    log.damaged = 2

    with pytest.raises(UnreadableEvent):
        rebuild(log, tmp_path / "views")

    with closing(ReadModels.open(tmp_path / "views")) as models:
        assert models.conversation.path(chat.id) == chat.path
