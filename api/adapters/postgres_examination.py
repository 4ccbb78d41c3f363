"""The event log in a PostgreSQL database, for looking only: no lock is taken, and nobody is woken."""

from typing import Final

from api.adapters.postgres_datastore import LogDatastore, connect
from api.adapters.postgres_recorder import PostgresRecorder

REMEDY: Final = "Look at EVENT_LOG (`heartline config`) and at the database; what is damaged in it, a backup mends."


class LookedDatabase:
    """A database by its URL; `place` names it without a password."""

    def __init__(self, url: str, place: str) -> None:
        self.place = place
        self.remedy = REMEDY
        self._url = url

    def fault(self) -> str | None:
        """That it does not answer. Its pages, PostgreSQL watches over itself."""
        connect(self._url).close()
        return None

    def open(self) -> tuple[LogDatastore, PostgresRecorder] | None:
        datastore = LogDatastore(self._url)
        return datastore, PostgresRecorder(datastore)
