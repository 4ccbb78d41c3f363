"""Allowances counted by the `limits` library: in this process, or in Redis for all processes together.

    requests   a sliding minute, counted before they are answered
    tokens     a day that begins with its first tokens, counted when a reply has ended

While Redis is away each process counts for itself; it is asked again after some seconds.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from api.access.allowance import Quota, Standing

_log = logging.getLogger(__name__)

_AWAY: Final = (RedisError, OSError, TimeoutError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedStore:
    """A Redis. It must answer within `answer_seconds`, since a request waits for it; if it does not, it is left alone
    for `away_seconds`."""

    url: str
    answer_seconds: float = 0.25
    away_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class _Counters:
    """The two strategies on one store."""

    requests: RateLimiter
    tokens: RateLimiter


def _counters(storage: MemoryStorage | RedisStorage) -> _Counters:
    return _Counters(SlidingWindowCounterRateLimiter(storage), FixedWindowRateLimiter(storage))


class RateLimits:
    """An allowance (`api.access.allowance`); a limit of None does not exist."""

    def __init__(
        self, *, requests_a_minute: int | None, tokens_a_day: int | None, redis: SharedStore | None = None
    ) -> None:
        self._requests = RateLimitItemPerMinute(requests_a_minute, namespace="rpm") if requests_a_minute else None
        self._tokens = RateLimitItemPerDay(tokens_a_day, namespace="tpd") if tokens_a_day else None
        self._own = _counters(MemoryStorage())
        self._pool = _pool(redis) if redis is not None else None
        self._redis = Redis(connection_pool=self._pool) if self._pool is not None else None
        self._shared = _counters(_storage(redis, self._pool)) if redis is not None and self._pool else None
        self._away_seconds = redis.away_seconds if redis is not None else 0.0
        self._asked_again_at = 0.0
        self.failure: str | None = None

    async def probe(self) -> None:
        """Ask Redis whether it is there, unless it is being left alone."""
        if self._redis is not None and time.monotonic() >= self._asked_again_at:
            try:
                # redis types the keyword arguments not at all.
                await self._redis.ping()  # pyright: ignore[reportUnknownMemberType]
            except _AWAY as error:
                self._goes_away(error)
            else:
                self._is_back()

    async def admit(self, owner: str) -> Standing:
        return await self._counted(lambda counters: self._admit(counters, owner))

    async def spend(self, owner: str, tokens: int) -> None:
        if (limit := self._tokens) is not None and tokens > 0:
            await self._counted(lambda counters: counters.tokens.hit(limit, owner, cost=tokens))

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def _admit(self, counters: _Counters, owner: str) -> Standing:
        tokens = await _quota(counters.tokens, self._tokens, owner)
        if tokens is not None and tokens.remaining <= 0:
            return Standing(
                requests=await _quota(counters.requests, self._requests, owner), tokens=tokens, spent="tokens"
            )
        if self._requests is None:
            return Standing(tokens=tokens)
        admitted = await counters.requests.hit(self._requests, owner)
        requests = await _quota(counters.requests, self._requests, owner)
        return Standing(requests=requests, tokens=tokens, spent=None if admitted else "requests")

    async def _counted(self, count: Callable[[_Counters], Awaitable[T]]) -> T:
        """In Redis, or here while it does not answer."""
        if self._shared is not None and time.monotonic() >= self._asked_again_at:
            try:
                counted = await count(self._shared)
            except _AWAY as error:
                self._goes_away(error)
            else:
                self._is_back()
                return counted
        return await count(self._own)

    def _goes_away(self, error: Exception) -> None:
        if self.failure is None:
            _log.warning("Redis does not answer, each process counts its limits for itself: %s", error)
        self.failure = f"Redis does not answer: {type(error).__name__}."
        self._asked_again_at = time.monotonic() + self._away_seconds

    def _is_back(self) -> None:
        if self.failure is not None:
            _log.info("Redis answers again")
            self.failure = None


def _pool(redis: SharedStore) -> ConnectionPool:
    """Connections that do not try again by themselves."""
    seconds = redis.answer_seconds
    # redis types the keyword arguments not at all.
    return ConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        redis.url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
    )


def _storage(redis: SharedStore, pool: ConnectionPool) -> RedisStorage:
    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage(f"async+{redis.url}", implementation="redispy", key_prefix="heartline", **options)


async def _quota(counter: RateLimiter, limit: RateLimitItem | None, owner: str) -> Quota | None:
    if limit is None:
        return None
    stats = await counter.get_window_stats(limit, owner)
    remaining, reset = max(0, stats.remaining), stats.reset_time - time.time()
    if reset <= 0 and remaining < limit.amount:  # the library takes the rest of a window that has just begun for none
        reset = limit.get_expiry()
    return Quota(limit=limit.amount, remaining=remaining, reset=max(0.0, reset))
