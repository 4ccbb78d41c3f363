"""Which request, session and turn the code at hand works for, so that every line it logs can say so.

    note(request_id=…)  in the request's task  ->  seen there, and in every task and thread that it starts from then on

Nothing that is noted in a task is seen by the one that started it: whoever stands outside notes it again. Threads of
our own (committer, follower, encoder) serve many requests at once and have no ids.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})
_ids: ContextVar[Mapping[str, str]] = ContextVar("log_ids", default=_NONE)


def noted() -> Mapping[str, str]:
    """The ids known here."""
    return _ids.get()


def note(**known: str) -> None:
    """From now on this task, and what it starts, works for these."""
    _ids.set({**_ids.get(), **known})
