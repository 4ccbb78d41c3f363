"""The folders of views under a data folder, looked at from outside: nothing is changed, whoever holds them."""

import fcntl
import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from projections import checkpoints
from projections.checkpoints import LOG, VECTORS, Checkpoint
from projections.looking import fault_in, looking_at
from projections.read_models import FINGERPRINT
from projections.vectors import WITHOUT_VECTOR
from projections.views import FILE_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFound:
    """One folder of views. `held`: a process has it. Where `fault` says what is wrong with its file, or `current` that
    it is not of this Heartline's making, nothing else is told of it.

    The views have read the log up to `position`, where `chain` was its head, and the vectors up to `sequence`. They
    hold `vectors`, and `wanting` texts that have none of the embedder asked about; `refused` says that some of the
    log's are not to be held, because their texts were forgotten.
    """

    name: str
    held: bool
    fault: str | None = None
    current: bool = True
    position: int = 0
    chain: str | None = None
    sequence: int = 0
    vectors: int = 0
    wanting: int = 0
    refused: bool = False
    stopped: tuple[Checkpoint, ...] = ()


def slots(root: Path, embedder: str) -> list[SlotFound]:
    """The folders that have a file of views, in order."""
    found = [file.parent for file in root.glob(f"views/*/{FILE_NAME}")]
    return [_slot(folder, embedder) for folder in sorted(found, key=lambda folder: (len(folder.name), folder.name))]


def _slot(folder: Path, embedder: str) -> SlotFound:
    name, held = f"views/{folder.name}", _is_held(folder / "lock")
    try:
        with looking_at(folder / FILE_NAME) as db:
            if (fault := fault_in(db)) is not None:
                return SlotFound(name=name, held=held, fault=fault)
            if db.execute("PRAGMA user_version").fetchone()[0] != FINGERPRINT:
                return SlotFound(name=name, held=held, current=False)
            return _read(db, name, held, embedder)
    except sqlite3.Error as error:
        return SlotFound(name=name, held=held, fault=str(error))


def _read(db: sqlite3.Connection, name: str, held: bool, embedder: str) -> SlotFound:
    db.execute("BEGIN")  # one state, whatever its holder writes meanwhile
    known = checkpoints.load(db)
    log, feed = known.get(LOG, Checkpoint(name=LOG)), known.get(VECTORS, Checkpoint(name=VECTORS))
    (vectors,) = db.execute("SELECT count(*) FROM vectors").fetchone()
    (wanting,) = db.execute(
        f"SELECT count(*) FROM vectors_wanted t WHERE {WITHOUT_VECTOR}", {"embedder": embedder}
    ).fetchone()
    (refused,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM vectors_refused) OR EXISTS (SELECT 1 FROM lineage WHERE erased)"
    ).fetchone()
    return SlotFound(
        name=name,
        held=held,
        refused=bool(refused),
        position=log.position,
        chain=log.chain,
        sequence=feed.position,
        vectors=vectors,
        wanting=wanting,
        stopped=tuple(one for one in known.values() if one.stopped_at is not None),
    )


def _is_held(lock: Path) -> bool:
    with suppress(FileNotFoundError):
        handle = os.open(lock, os.O_RDONLY)
        try:
            # Shared: two who look do not take each other for a holder.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False
