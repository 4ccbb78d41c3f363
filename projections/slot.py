"""The slot that the views of a process lie in: a folder of its own, held until the process's death."""

import fcntl
import os
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from projections.damage import is_damage
from projections.views import FILE_NAME


class Slot:
    """A directory for the views of one process, held until `close` or the process's death."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory = directory
        self.file = directory / FILE_NAME
        self._lock = lock

    def copy_neighbour(self) -> bool:
        """Start from the rows of another slot, if this one has none. True when something was copied; a damaged file is
        not."""
        sources = sorted(self.directory.parent.glob(f"*/{FILE_NAME}"))
        if self.file.exists() or not sources:
            return False
        try:
            with closing(sqlite3.connect(sources[0])) as source, closing(sqlite3.connect(self.file)) as target:
                source.backup(target)
        except sqlite3.DatabaseError as error:
            self.file.unlink(missing_ok=True)
            if not is_damage(error):
                raise
            return False
        return True

    def again(self) -> Path:
        """Where the views are to lie when their file was lost: here, or in another slot when this one was lost with it
        and may be another's by now."""
        try:
            lost = not os.path.samestat((self.directory / "lock").stat(), os.fstat(self._lock))
        except FileNotFoundError:
            lost = True
        if lost:
            os.close(self._lock)
            other = claim_slot(self.directory.parent.parent)
            self.directory, self.file, self._lock = other.directory, other.file, other._lock
        return self.file

    def close(self) -> None:
        """Let another process have the slot."""
        os.close(self._lock)


def clear_slots(root: Path, *, beyond: int) -> None:
    """Empty the slots above so many that no living process holds. Their folders stay: somebody may be claiming one."""
    for directory in root.glob("views/*"):
        if not directory.name.isdecimal() or int(directory.name) < beyond:
            continue
        if (slot := _claimed(directory)) is None:
            continue
        with closing(slot):
            for file in directory.glob(f"{FILE_NAME}*"):
                file.unlink()


def claim_slot(root: Path) -> Slot:
    """Take the lowest `views/<n>` under `root` that no living process holds."""
    slots = (_claimed(root / "views" / str(number)) for number in count())
    return next(slot for slot in slots if slot is not None)


def claim_free(root: Path) -> tuple[list[Slot], list[Path]]:
    """Take every slot that no living process holds, at least one; and the views' files of those that one holds."""
    claimed = {directory: _claimed(directory) for directory in sorted((root / "views").glob("*"))}
    free = [slot for slot in claimed.values() if slot is not None]
    return free or [claim_slot(root)], [directory / FILE_NAME for directory, slot in claimed.items() if slot is None]


def _claimed(directory: Path) -> Slot | None:
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Slot(directory, lock)
