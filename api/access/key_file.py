"""The file that API keys are kept in, hashed: `heartline keys` writes it, the server reads it again when it changes."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from api.access.keys import ApiKey, file_keys

_log = logging.getLogger(__name__)

_HEAD = "# API keys of Heartline: owner, SHA-256 of the key, when it was made. The keys themselves are kept nowhere.\n"


class KeyFile:
    """Missing is empty. Whoever may read it can try keys against it, but not read one from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[ApiKey, ...] = ()

    def read(self) -> tuple[ApiKey, ...]:
        """Its keys now. Raises ValueError when a line is none, OSError when it cannot be read."""
        try:
            return file_keys(self.path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def current(self) -> tuple[ApiKey, ...]:
        """As `read`, and cheap where nothing changed. A file that went wrong leaves the keys that were read before."""
        seen = _stamp(self.path)
        if seen != self._seen:
            self._seen = seen
            try:
                self._keys = self.read()
            except (ValueError, OSError) as error:
                _log.error("The key file %s is not read, the keys stay as they were: %s", self.path, error)
        return self._keys

    def write(self, keys: Sequence[ApiKey]) -> None:
        """Put these in place of what is there, readable by its owner only."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(_HEAD + "".join(f"{key.line()}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
