"""How the log is written: one line an event, JSON for machines or text for a terminal, and never what people said.

    {"time", "level", "logger", "message", request_id, session, turn, …, "error": {"type", "message", "stack", "cause"}}

Other libraries may put anything into their lines (an SDK's debug lines hold whole requests), so they speak from
`warning` on. An exception's own words are told only where they cannot quote a text: of the others, type and place.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Final, Literal, NotRequired, TextIO, TypedDict

import orjson

from api.log_ids import noted
from domain.errors import Conflict, NotFound, Unavailable

LogFormat = Literal["auto", "json", "text"]

OURS: Final = ("api", "projections", "domain")
DEPTH: Final = 20
"""Frames of a traceback that are told, the innermost."""

_KNOWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_TELLING: Final = (
    Conflict,
    NotFound,
    Unavailable,
    OSError,
    ArithmeticError,
    AttributeError,
    ImportError,
    IndexError,
    MemoryError,
    NameError,
    TypeError,
)
"""Exceptions whose words are ours, the system's, or Python's about the code: none quotes a request. SQLite's, which are
not for this room to import, speak of tables only."""


class Told(TypedDict):
    """What the log says of an exception; `stack` goes from the outermost place to where it was raised."""

    type: str
    message: NotRequired[str]
    stack: list[str]
    cause: NotRequired["Told"]


def configure(level: str, form: LogFormat, stream: TextIO) -> None:
    """Write this process's log to the stream: of our own code from `level` on, of others what is amiss."""
    handler = logging.StreamHandler(stream)
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler.setFormatter(TextLines() if as_text else JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
    # That it starts and stops is worth a line; its debug lines are about sockets.
    ours = logging.getLogger(OURS[0]).level
    logging.getLogger("uvicorn").setLevel(max(logging.INFO, ours))


class JsonLines(logging.Formatter):
    """One JSON object a line, whatever stands in it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if (error := _error(record)) is not None:
            line["error"] = told(error)
        try:
            return orjson.dumps(line, default=repr).decode()
        except TypeError:  # a file's name need not be UTF-8, nor a number fit 64 bits
            return json.dumps(line, default=repr)


class TextLines(logging.Formatter):
    """Time, level, message and ids on one line; below it an exception's type, words and places."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {record.getMessage()}{fields}"
        error = _error(record)
        return line if error is None else "\n".join([line, *_below(told(error))])


def told(error: BaseException) -> Told:
    """What may be said of an exception and of what caused it."""
    frames = traceback.extract_tb(error.__traceback__)[-DEPTH:]
    stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    said = Told(type=type(error).__name__, stack=stack)
    if isinstance(error, _TELLING) or type(error).__module__ == "sqlite3":
        said["message"] = str(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        said["cause"] = told(cause)
    return said


def _below(said: Told) -> list[str]:
    words = f": {said['message']}" if "message" in said else ""
    lines = [f"  {said['type']}{words}", *(f"    {frame}" for frame in said["stack"])]
    return [*lines, *_below(said["cause"])] if "cause" in said else lines


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _error(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """The ids known where the line was written, and what the line brings itself, which goes before them."""
    brought = {name: value for name, value in vars(record).items() if name not in _KNOWN}
    return {**noted(), **brought}
