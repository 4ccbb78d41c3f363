"""The event log on one SQLite file: other processes' commits show in `PRAGMA data_version`, asked for while idle."""

from pathlib import Path

from api.adapters.event_mapper import SessionKeys
from api.adapters.log_signal import LogSignal
from api.adapters.sqlite_datastore import LogDatastore, connect
from api.adapters.sqlite_recorder import SqliteRecorder
from api.adapters.stored_log import SNAPSHOT_AFTER_EVENTS, Storage, StoredEventLog, translated
from api.adapters.unmeasured import UNMEASURED
from api.metrics import Metrics


class SqliteEventLog(StoredEventLog):
    """Raises Unavailable where the file cannot be opened or is not this program's."""

    def __init__(
        self,
        path: Path,
        *,
        keys: SessionKeys | None = None,
        snapshot_after_events: int = SNAPSHOT_AFTER_EVENTS,
        metrics: Metrics = UNMEASURED,
    ) -> None:
        with translated():
            storage = _opened(path)
        super().__init__(storage, keys=keys, snapshot_after_events=snapshot_after_events, metrics=metrics)


def _opened(path: Path) -> Storage:
    datastore = LogDatastore(path)
    try:
        recorder = SqliteRecorder(datastore)
        recorder.create_table()
        watcher = connect(path)
    except BaseException:
        datastore.close()
        raise
    signal = LogSignal(lambda: watcher.execute("PRAGMA data_version").fetchone()[0])
    return Storage(database=datastore, recorder=recorder, signal=signal, close=watcher.close)
