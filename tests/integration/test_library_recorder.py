"""The library's own test cases, run against our recorders.

Left out of each: `test_performance`, which asserts nothing and only prints. The aggregate recorder case expects no
positions from `insert_events`, so the recorder of snapshots runs it.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
from eventsourcing.tests import persistence as library  # as a module: pytest would collect imported cases

from api.adapters.log_snapshots import SnapshotRecorder
from api.adapters.postgres_datastore import LogDatastore as PostgresDatastore
from api.adapters.postgres_recorder import PostgresRecorder
from api.adapters.sqlite_datastore import LogDatastore
from api.adapters.sqlite_recorder import SqliteRecorder
from domain.errors import Unavailable
from tests.postgres import schema


class OnSqlite(library.RecorderTestCase):
    """Opens one file a test. unittest's cases cannot use pytest's tmp_path."""

    def setUp(self) -> None:
        directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, directory)
        self.datastore = LogDatastore(directory / "events.sqlite")
        self.addCleanup(self.datastore.close)

    def create_recorder(self) -> SqliteRecorder:
        recorder = SqliteRecorder(self.datastore)
        recorder.create_table()
        return recorder


class TestApplicationRecorder(OnSqlite, library.ApplicationRecorderTestCase[SqliteRecorder]):
    test_performance = None  # pyright: ignore[reportAssignmentType]  # unittest's way to leave an inherited test out


class TestPositionsOfTwoWriters(OnSqlite, library.NonInterleavingNotificationIDsBaseCase):
    pass


class TestSnapshotRecorder(OnSqlite, library.AggregateRecorderTestCase):
    test_performance = None  # pyright: ignore[reportAssignmentType]  # unittest's way to leave an inherited test out

    def create_recorder(self) -> SnapshotRecorder:  # pyright: ignore[reportIncompatibleMethodOverride]  # another recorder
        SqliteRecorder(self.datastore).create_table()
        return SnapshotRecorder(self.datastore)


class OnPostgres(library.RecorderTestCase):
    """Has a schema for each test."""

    def setUp(self) -> None:
        url = self.enterContext(schema())
        self.datastore = PostgresDatastore(url)
        self.addCleanup(self.datastore.close)

    def create_recorder(self) -> PostgresRecorder:
        recorder = PostgresRecorder(self.datastore)
        recorder.create_table()
        return recorder


class TestPostgresRecorder(OnPostgres, library.ApplicationRecorderTestCase[PostgresRecorder]):
    test_performance = None  # pyright: ignore[reportAssignmentType]  # unittest's way to leave an inherited test out

    def test_insert_subscribe(self) -> None:
        super().optional_test_insert_subscribe()


class TestPositionsOfTwoPostgresWriters(OnPostgres, library.NonInterleavingNotificationIDsBaseCase):
    pass


class TestPostgresSnapshotRecorder(OnPostgres, library.AggregateRecorderTestCase):
    test_performance = None  # pyright: ignore[reportAssignmentType]  # unittest's way to leave an inherited test out

    def create_recorder(self) -> SnapshotRecorder:  # pyright: ignore[reportIncompatibleMethodOverride]  # another recorder
        PostgresRecorder(self.datastore).create_table()
        return SnapshotRecorder(self.datastore)


def test_a_file_of_a_newer_heartline_is_refused_with_a_sentence(tmp_path: Path) -> None:
    datastore = LogDatastore(tmp_path / "events.sqlite")
    recorder = SqliteRecorder(datastore)
    recorder.create_table()
    with datastore.transaction(commit=True) as cursor:
        cursor.execute("PRAGMA user_version = 99")

    with pytest.raises(Unavailable, match=r"newer Heartline \(form 99, this one knows 1\)"):
        recorder.create_table()

    datastore.close()
