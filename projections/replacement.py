"""Views made anew beside those in use, and how they take their place while somebody reads.

    heartline rebuild -> views.sqlite3.rebuilt -> brought up to the log's end -> its rows, in one transaction

Until then the old rows are read, and from then on the new ones: no reader waits, and none sees a state between.
"""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from domain.errors import UnreadableEvent
from projections.views import Views, delete_database

logger = logging.getLogger(__name__)


class Replacement:
    """The file beside one process's views that may come to replace them."""

    def __init__(self, views: Views, bring_up: Callable[[Path], int]) -> None:
        """`bring_up` applies to the views in a file what the log holds beyond them; the position they end at."""
        self._views = views
        self._bring_up = bring_up
        self._refused: float | None = None

    @property
    def _file(self) -> Path:
        """Beside the views, wherever they lie by now: they may have been made anew in another slot."""
        return offered(self._views.file)

    def take(self) -> bool:
        """Put the new rows in place of the old, if there are any. True when that was done.

        A file with other tables is another version's and stays. One that is damaged, or cannot be brought up to the
        log's end, is thrown away. Raises Unavailable when the log cannot be read, and keeps the file for later.
        """
        if not self._file.exists():
            return False
        try:
            if not self._fits():
                return False
            position = self._bring_up(self._file)
            self._views.replace_by(self._file)
        except (sqlite3.Error, UnreadableEvent) as error:
            logger.error("views that were made anew cannot be used, the old ones stay", exc_info=error)
            delete_database(self._file)
            return False
        delete_database(self._file)
        logger.info("the views were replaced by those made anew", extra={"position": position})
        return True

    def _fits(self) -> bool:
        """Looked at once for each file that comes."""
        seen = self._file.stat().st_mtime
        if seen == self._refused:
            return False
        if self._views.fits(self._file):
            return True
        logger.warning("views that were made anew are another version's, they wait for it")
        self._refused = seen
        return False


def offered(views: Path) -> Path:
    """The file that is to replace the views in this one."""
    return views.with_name(f"{views.name}.rebuilt")
