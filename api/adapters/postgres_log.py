"""The event log in a PostgreSQL database, shared by the servers of many machines: `EVENT_LOG=postgresql://…`."""

from api.adapters.event_mapper import SessionKeys
from api.adapters.log_signal import LogSignal
from api.adapters.postgres_datastore import LogDatastore
from api.adapters.postgres_listener import Listener
from api.adapters.postgres_recorder import PostgresRecorder
from api.adapters.stored_log import SNAPSHOT_AFTER_EVENTS, Storage, StoredEventLog, translated
from api.adapters.unmeasured import UNMEASURED
from api.metrics import Metrics


class PostgresEventLog(StoredEventLog):
    """Raises Unavailable where the database does not answer, or holds what is not this program's."""

    def __init__(
        self,
        url: str,
        *,
        keys: SessionKeys | None = None,
        snapshot_after_events: int = SNAPSHOT_AFTER_EVENTS,
        metrics: Metrics = UNMEASURED,
    ) -> None:
        with translated():
            storage = _opened(url)
        super().__init__(storage, keys=keys, snapshot_after_events=snapshot_after_events, metrics=metrics)


def _opened(url: str) -> Storage:
    datastore = LogDatastore(url)
    try:
        recorder = PostgresRecorder(datastore)
        recorder.create_table()
    except BaseException:
        datastore.close()
        raise
    signal = LogSignal()
    listener = Listener(datastore, signal.notify, known=recorder.last_position())
    listener.start()
    return Storage(database=datastore, recorder=recorder, signal=signal, close=listener.close)
