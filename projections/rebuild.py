"""Rebuild: replay the whole log into a new file beside the old one, and put it in its place at the end.

Calls no model and no embedder. The old file stays whole until then. Where a process has it open, the new one is offered
to that process, which takes its rows over itself (`replacement.py`). One that is damaged is of no use to anybody: it
goes when it is opened.
"""

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from projections.follower import Follower
from projections.ports import EventLog
from projections.read_models import ReadModels, bring_up
from projections.replacement import offered
from projections.views import delete_database, is_damage

logger = logging.getLogger(__name__)


def rebuild(log: EventLog, file: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Make the views in `file`, which nobody has open, anew and return the position they stand at.

    `progress` is called after each batch with the position reached and the log's last one. Raises UnreadableEvent, and
    leaves the old file, when the log cannot be read to its end. What an interrupted rebuild left is thrown away.
    """
    fresh = file.with_name(f"{file.name}.rebuilding")
    delete_database(fresh)
    position = bring_up(log, fresh, progress)
    delete_database(file)
    fresh.replace(file)
    return position


def offer(made: Path, views: Path) -> Path:
    """Offer the views in `made` to the process that has those in `views` open. The file is gone once it took them."""
    whole, half = offered(views), views.with_name(f"{views.name}.offering")
    shutil.copyfile(made, half)
    half.replace(whole)
    return whole


def opened(log: EventLog, file: Path) -> tuple[ReadModels, Follower]:
    """The views in `file` with their follower, which is not started. What SQLite cannot read in its place is thrown
    away: the log has everything."""
    try:
        return _opened(log, file)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        logger.warning("the views are damaged, and are made anew: %s", error)
    delete_database(file)
    return _opened(log, file)


def _opened(log: EventLog, file: Path) -> tuple[ReadModels, Follower]:
    models = ReadModels.open(file)
    try:
        return models, models.follow(log)
    except sqlite3.Error:
        models.close()
        raise
