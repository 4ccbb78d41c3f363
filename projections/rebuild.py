"""Rebuild: replay the whole log into a new file beside the old one, and put it in its place at the end.

Calls no model and no embedder. The old file stays whole until then. Where a process has it open, the new one is offered
to that process, which takes its rows over itself (`replacement.py`).
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from projections.ports import EventLog
from projections.read_models import bring_up
from projections.replacement import offered
from projections.views import delete_database


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
