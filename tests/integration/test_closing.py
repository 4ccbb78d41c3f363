"""The views are closed while somebody is in the middle of reading them."""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from projections.read_models import ReadModels
from tests.fakes import MemoryEventLog

LONG = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT sum(x) FROM n"


def test_a_statement_that_runs_ends_before_its_connection_is_closed(tmp_path: Path) -> None:
    for number in range(20):
        models = ReadModels.open(tmp_path / f"views-{number}.sqlite3")
        models.follow(MemoryEventLog())
        found = list[int]()
        begun = threading.Event()

        def read(models: ReadModels = models, found: list[int] = found, begun: threading.Event = begun) -> None:
            db = models.views.read()
            begun.set()
            with suppress(sqlite3.ProgrammingError):  # of the statement that comes after the closing
                while True:
                    found.append(db.execute(LONG).fetchone()[0])

        reader = threading.Thread(target=read)
        reader.start()
        begun.wait()
        models.close()
        reader.join()

        assert set(found) <= {45000150000}
