"""What can be wrong with an intent, as a tree of few errors with stable codes.

    HeartlineError
    ├── InvalidRequest          what was asked makes no sense, whatever the state         (invalid_request)
    │   └── ContextTooLong      persona and current message alone exceed the window       (context_length_exceeded)
    ├── NotFound                no such session, turn or version, or another owner's      (not_found)
    ├── Conflict                the state does not allow it now                           (conflict)
    │   ├── VersionConflict     somebody else appended first; reload and decide again     (version_conflict)
    │   ├── TurnAlreadyOpen     a session answers one turn at a time                      (turn_open)
    │   └── SummaryOutdated     the path no longer begins as the summary says             (summary_outdated)
    └── Unavailable             a part we need does not answer: log, disk, model          (unavailable)
        └── UnreadableEvent     a row of the log is damaged, or of a newer Heartline      (unavailable)

They know no HTTP status: `api/errors.py` maps them in one table.
"""


class HeartlineError(Exception):
    """Root of all errors of Heartline. `code` is stable; `message` says what to do."""

    code = "error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class InvalidRequest(HeartlineError):
    """What was asked makes no sense, whatever the state. `param` names the field."""

    code = "invalid_request"


class ContextTooLong(InvalidRequest):
    """The texts that are never cut do not fit the context window."""

    code = "context_length_exceeded"


class NotFound(HeartlineError):
    """There is no such thing, or it belongs to another owner (which is the same to a caller)."""

    code = "not_found"


class Conflict(HeartlineError):
    """The state of the session does not allow it now."""

    code = "conflict"


class VersionConflict(Conflict):
    """Another writer appended first: reload the session and decide again."""

    code = "version_conflict"


class TurnAlreadyOpen(Conflict):
    """The session is still answering another turn."""

    code = "turn_open"


class SummaryOutdated(Conflict):
    """The path no longer begins with the messages that the summary covers."""

    code = "summary_outdated"


class Unavailable(HeartlineError):
    """A part that the request needs does not answer. Nothing was stored; trying again may work."""

    code = "unavailable"


class UnreadableEvent(Unavailable):
    """What the log holds at `position` cannot be read as an event: it is damaged, or a newer Heartline wrote it."""

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position
