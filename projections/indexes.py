"""The indexes of warm sessions: built from the views' rows when first asked for; the longest unused are let go.

Whenever anything was forgotten, or the views were replaced, all of them are: an index only grows, and forks share what
they hold.
"""

from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock
from typing import Final
from uuid import UUID

from projections.session_index import Embedders, Rows, SessionIndex

WARM_SESSIONS: Final = 200

WARM_DOCUMENTS: Final = 200_000
"""Documents of all warm sessions, 12 kB each with the token vectors of a short message; one session may have more."""


class Indexes:
    """Session indexes by session. Each is used by one thread at a time."""

    def __init__(
        self,
        rows: Rows,
        *,
        embedders: Embedders,
        dimensions: int,
        warm: int = WARM_SESSIONS,
        documents: int = WARM_DOCUMENTS,
    ) -> None:
        self._rows = rows
        self._embedders = embedders
        self._dimensions = dimensions
        self._warm = warm
        self._documents = documents
        self._indexes: OrderedDict[UUID, tuple[SessionIndex, Lock]] = OrderedDict()
        self._epoch = (0, 0)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._indexes)

    @contextmanager
    def fresh(self, session: UUID) -> Generator[SessionIndex]:
        """The session's index with everything the views hold by now, for this thread alone until it is done."""
        epoch = self._rows.epoch()
        with self._lock:
            if epoch != self._epoch:
                self._epoch = epoch
                self._indexes.clear()
            if session not in self._indexes:
                index = SessionIndex(session, embedders=self._embedders, dimensions=self._dimensions)
                self._indexes[session] = (index, Lock())
            self._indexes.move_to_end(session)
            index, busy = self._indexes[session]
            self._let_go()
        with busy:
            index.refresh(self._rows)
            yield index

    def _let_go(self) -> None:
        """Of the longest unused, until the others are few and small enough. What an index takes in only after this
        counts the next time."""
        held = sum(len(index.documents) for index, _ in self._indexes.values())
        while len(self._indexes) > 1 and (len(self._indexes) > self._warm or held > self._documents):
            _, (index, _) = self._indexes.popitem(last=False)
            held -= len(index.documents)
