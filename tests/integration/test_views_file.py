"""The file that views share: made anew when its schema differs, read while it is written, one for each process."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from projections.slot import claim_slot, clear_slots
from projections.views import Views

TABLE = "CREATE TABLE things (name TEXT)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deeper" / "views.sqlite3"


def names(views: Views) -> list[str]:
    return [name for (name,) in views.read().execute("SELECT name FROM things ORDER BY name")]


def write_one_and_fail(views: Views) -> None:
    with views.write() as db:
        db.execute("INSERT INTO things VALUES ('a')")
        db.execute("INSERT INTO nothing VALUES ('b')")


def test_rows_outlive_the_process_while_the_schema_is_the_same(file: Path) -> None:
    with closing(Views(file)) as views:
        views.prepare([TABLE])
        with views.write() as db:
            db.execute("INSERT INTO things VALUES ('a')")

    with closing(Views(file)) as views:
        views.prepare([TABLE])

        assert names(views) == ["a"]


def test_a_file_with_another_schema_is_emptied(file: Path) -> None:
    with closing(Views(file)) as views:
        views.prepare([TABLE, "CREATE VIEW some AS SELECT * FROM things", "CREATE TABLE gone (x)"])
        with views.write() as db:
            db.execute("INSERT INTO things VALUES ('a')")

    with closing(Views(file)) as views:
        views.prepare([TABLE])

        made = views.read().execute("SELECT name FROM sqlite_master").fetchall()
        assert (names(views), made) == ([], [("things",)])


def test_what_failed_half_way_was_not_written(file: Path) -> None:
    with closing(Views(file)) as views:
        views.prepare([TABLE])

        with pytest.raises(sqlite3.OperationalError):
            write_one_and_fail(views)

        assert names(views) == []


def test_a_snapshot_sees_one_state(file: Path) -> None:
    with closing(Views(file)) as views:
        views.prepare([TABLE])
        with views.snapshot():
            before = names(views)
            with views.write() as db:
                db.execute("INSERT INTO things VALUES ('a')")
            within = names(views)

        assert (before, within, names(views)) == ([], [], ["a"])


def test_each_thread_reads_on_a_connection_of_its_own(file: Path) -> None:
    with closing(Views(file)) as views:
        views.prepare([TABLE])
        connections = [views.read()]
        thread = Thread(target=lambda: connections.append(views.read()))
        thread.start()
        thread.join()

        assert connections[0] is views.read()
        assert connections[0] is not connections[1]


def test_a_reader_cannot_write(file: Path) -> None:
    with closing(Views(file)) as views:
        views.prepare([TABLE])

        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            views.read().execute("INSERT INTO things VALUES ('a')")


def test_a_process_takes_the_lowest_free_slot(tmp_path: Path) -> None:
    first, second = claim_slot(tmp_path), claim_slot(tmp_path)
    first.close()
    third = claim_slot(tmp_path)

    assert [slot.directory.name for slot in (first, second, third)] == ["0", "1", "0"]
    second.close()
    third.close()


def test_a_slot_is_free_again_when_its_process_has_died(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from projections.slot import claim_slot; "
    died = subprocess.run(
        [sys.executable, "-c", program + "claim_slot(Path(sys.argv[1])); import os; os._exit(9)", str(tmp_path)],
        check=False,
    )

    slot = claim_slot(tmp_path)

    assert (died.returncode, slot.directory.name) == (9, "0")
    slot.close()


def test_a_new_slot_does_not_start_from_what_is_damaged(tmp_path: Path) -> None:
    with closing(claim_slot(tmp_path)) as first, closing(claim_slot(tmp_path)) as second:
        first.file.write_bytes(b"garbage" * 1000)

        assert not second.copy_neighbour()
        assert not second.file.exists()


def test_a_new_slot_starts_from_its_neighbours_rows(tmp_path: Path) -> None:
    with closing(claim_slot(tmp_path)) as first, closing(claim_slot(tmp_path)) as second:
        assert not first.copy_neighbour()
        with closing(Views(first.file)) as views:
            views.prepare([TABLE])
            with views.write() as db:
                db.execute("INSERT INTO things VALUES ('a')")

            assert second.copy_neighbour()
            assert not second.copy_neighbour()

        with closing(Views(second.file)) as views:
            views.prepare([TABLE])
            assert names(views) == ["a"]


def test_slots_above_the_number_of_workers_are_emptied_unless_somebody_holds_them(tmp_path: Path) -> None:
    first, second, third = (claim_slot(tmp_path) for _ in range(3))
    for slot in (first, second, third):
        slot.file.write_bytes(b"rows")
    first.close()
    third.close()

    clear_slots(tmp_path, beyond=1)

    assert [slot.file.exists() for slot in (first, second, third)] == [True, True, False]
    second.close()
