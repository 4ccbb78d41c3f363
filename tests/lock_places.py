"""Where turn locks lie in tests: a file's path or a database's URL."""

from pathlib import Path

from api.adapters.postgres_turn_locks import PostgresTurnLocks
from api.adapters.turn_locks import FileTurnLocks, TurnLocks


def locks_at(place: str, *, patience_seconds: float = 5.0) -> TurnLocks:
    if place.startswith("postgresql://"):
        return PostgresTurnLocks(place, patience_seconds=patience_seconds)
    return FileTurnLocks(Path(place), patience_seconds=patience_seconds)
