"""After which event a question no longer recalled what it should: binary search over the versions of a session.

Each step asks recall as of one version; nothing is built, stored or replayed for it. Whether a memory is recalled does
not only change once: an edit may bring it back. So what the search finds is *a* version V as of which it is not
recalled while it is as of V - 1, between the first version as of which it is recalled and the head. When it was lost
only once, that is the first loss; when it was lost, came back and was lost again, it may be either.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from api.filters import Filters
from api.ports import EventLog
from api.services import Expectation
from api.sessions.axis import Axis, event_json
from api.sessions.reader import Asked, Reader
from api.sessions.recollection import Recollection
from domain.errors import InvalidRequest
from domain.records import Candidate, Json, JsonObject
from projections.evidence import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a question recalls as of a version: whether what was expected is among it, that one's numbers (None: it is
    no candidate there), and all that was recalled, best first."""

    found: bool
    candidate: Candidate | None
    recalled: list[int]

    def told(self, version: int) -> JsonObject:
        one = self.candidate
        numbers: dict[str, Json] = {name: one[name] if one else None for name in ("version", "rank", "score", "parts")}
        return {"at": version, "recalled": self.recalled, "expected": numbers if one else None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """Searches one session's history for a loss."""

    log: EventLog
    reader: Reader
    recollection: Recollection

    async def answer(self, owner: str, session: str, expected: Expectation) -> JsonObject:
        """`lost_at` is the version found, null when the head still recalls it (`outcome` "recalled") or no version
        asked about did ("never_recalled"). Raises InvalidRequest when the session holds nothing of what is expected.
        """
        asked = await self.recollection.pinned(owner, session)
        query = await self.recollection.query(asked, expected.query)

        def read() -> JsonObject:
            wanted = self._wanted(asked, expected)
            search = _Search(seen=lambda version: self._seen(asked, query, wanted, version, expected.k))
            return {
                "query": expected.query,
                "k": expected.k,
                "expected": sorted(wanted),
                "head": asked.version,
                **self._told(asked, search, min(wanted)),
            }

        return await asyncio.to_thread(read)

    def _wanted(self, asked: Asked, expected: Expectation) -> frozenset[int]:
        """The versions whose text is what is expected, on the path or not."""
        texts = self.recollection.seeking.remembered.texts
        if (version := expected.version) is not None:
            if not 1 <= version <= asked.version or version not in texts(asked.id, [version]):
                raise InvalidRequest(f"Version {version} of the session is not a memory.", param="expect_version")
            return frozenset([version])
        sought = (expected.text or "").casefold()
        every = texts(asked.id, range(1, asked.version + 1))
        found = frozenset(version for version, text in every.items() if sought in text.casefold())
        if not found or not sought:
            raise InvalidRequest("Nothing that was ever said in the session holds this text.", param="expect")
        return found

    def _seen(self, asked: Asked, query: Query, wanted: frozenset[int], at: int, k: int) -> Seen:
        ranking, told = self.recollection.ranked(replace(asked, at=at), query, Filters(), k)
        found = [one for version in sorted(wanted) if version <= at and (one := ranking.candidate(version))]
        best = min(found, key=lambda one: one["rank"], default=None)
        return Seen(found=not wanted.isdisjoint(told), candidate=best, recalled=list(told))

    def _told(self, asked: Asked, search: "_Search", first: int) -> dict[str, Json]:
        head = asked.version
        if search.seen_at(head).found:
            return {
                "outcome": "recalled",
                "lost_at": None,
                "asked": search.asked,
                "after": search.seen_at(head).told(head),
            }
        start = search.first_seen(first, head)
        if start is None:
            return {"outcome": "never_recalled", "lost_at": None, "asked": search.asked}
        lost = search.loss(start, head)
        before, after = search.seen_at(lost - 1), search.seen_at(lost)
        (blamed,) = Axis(self.log, self.reader.models.lineage).events(asked.id, after=lost - 1, limit=1)
        return {
            "outcome": "lost",
            "lost_at": lost,
            "event": event_json(blamed.event),
            "before": before.told(lost - 1),
            "after": after.told(lost),
            "instead": [version for version in after.recalled if version not in before.recalled],
            "asked": search.asked,
        }


@dataclass(slots=True, kw_only=True)
class _Search:
    """Asks about versions, each once."""

    seen: Callable[[int], Seen]
    _known: dict[int, Seen] = field(default_factory=dict[int, Seen])

    @property
    def asked(self) -> list[int]:
        """The versions asked about so far."""
        return sorted(self._known)

    def seen_at(self, version: int) -> Seen:
        if version not in self._known:
            self._known[version] = self.seen(version)
        return self._known[version]

    def first_seen(self, first: int, head: int) -> int | None:
        """A version from `first` on as of which it is recalled, sought in steps that double."""
        step = 1
        while first < head:
            if self.seen_at(first).found:
                return first
            first, step = first + step, step * 2
        return None

    def loss(self, low: int, high: int) -> int:
        """A version above `low`, which recalls it, and up to `high`, which does not, at which it was lost."""
        while high - low > 1:
            middle = (low + high) // 2
            if self.seen_at(middle).found:
                low = middle
            else:
                high = middle
        return high
