"""Why a request is not let in, or not further.

HeartlineError
├── Unauthorized    no key, or none of ours                                 (invalid_api_key)
├── Foreign         no key is asked for, and a web page may have sent it    (foreign_host, foreign_origin)
├── Exhausted       what its owner may ask in this minute or day is spent   (rate_limit_exceeded)
├── TooManySessions its owner has as many sessions as one may have          (session_limit_exceeded)
└── TooSlow         its body did not come in time                           (request_timeout)
"""

from domain.errors import HeartlineError


class Unauthorized(HeartlineError):
    """The request carries no key, or none that we know."""

    code = "invalid_api_key"


class Foreign(HeartlineError):
    """A page of another site may have sent the request, where whoever is on this machine is let in without a key."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Exhausted(HeartlineError):
    """A limit is reached: `of` says what it counts (requests or tokens), `retry_after` when more may come, in
    seconds."""

    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, of: str, retry_after: float) -> None:
        super().__init__(message)
        self.of = of
        self.retry_after = retry_after


class TooManySessions(HeartlineError):
    """The owner has as many sessions as one may have. The others can still be talked in."""

    code = "session_limit_exceeded"


class TooSlow(HeartlineError):
    """The request's body did not come in time."""

    code = "request_timeout"
