"""Rebuild: replay the whole log into a new file beside the old one, and put it in its place at the end.

Calls no model and no embedder. The old file stays whole until then; whoever has it open must be gone when it goes.
"""

from collections.abc import Callable
from pathlib import Path

from projections.ports import EventLog
from projections.read_models import ReadModels

BESIDES = ("", "-wal", "-shm")
"""The files of one SQLite database in WAL mode."""


def rebuild(log: EventLog, file: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Make the views in `file` anew and return the position they stand at.

    `progress` is called after each batch with the position reached and the log's last one. Raises UnreadableEvent, and
    leaves the old file, when the log cannot be read to its end.
    """
    fresh = file.with_name(f"{file.name}.rebuilding")
    _delete(fresh)
    models = ReadModels.open(fresh)
    try:
        follower = models.follow(log)
        follower.catch_up(progress)
        if follower.unreadable is not None:
            raise follower.unreadable
        position = follower.position
    finally:
        # The last connection to go writes the WAL back and removes it: what remains is one file.
        models.close()
    # The old WAL must not meet the new file.
    _delete(file)
    fresh.replace(file)
    return position


def _delete(file: Path) -> None:
    for suffix in reversed(BESIDES):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
