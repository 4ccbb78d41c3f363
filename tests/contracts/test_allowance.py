"""What every allowance promises, counted in the process and in a real Redis; and what becomes of it without Redis."""

import asyncio
import logging
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from time import monotonic, sleep

import pytest

from api.access.allowance import Standing, Unlimited
from api.adapters.rate_limits import RateLimits, SharedStore

REDIS = shutil.which("redis-server")


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A Redis of our own, empty. Without the program the tests that need it are skipped."""
    if REDIS is None:
        pytest.skip("redis-server is not installed")
    port = _free_port()
    with _redis(port, tmp_path_factory.mktemp("redis")):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("redis_url") if request.param == "redis" else None


@pytest.fixture
def owner(request: pytest.FixtureRequest) -> str:
    """Nobody has counted for this one yet."""
    return f"mira-{abs(hash(request.node.nodeid))}"


@asynccontextmanager
async def allowance(
    store: str | None, *, requests: int | None = None, tokens: int | None = None
) -> AsyncGenerator[RateLimits]:
    # Patient: on a machine that does other things as well, an answer may take long.
    redis = SharedStore(url=store, answer_seconds=10, away_seconds=0.0) if store else None
    counted = RateLimits(requests_a_minute=requests, tokens_a_day=tokens, redis=redis)
    try:
        yield counted
    finally:
        await counted.close()


async def test_requests_are_admitted_up_to_the_limit(store: str | None, owner: str) -> None:
    async with allowance(store, requests=3) as counted:
        standings = [await counted.admit(owner) for _ in range(5)]

    assert [one.spent for one in standings] == [None, None, None, "requests", "requests"]
    assert [one.requests.remaining for one in standings if one.requests is not None] == [2, 1, 0, 0, 0]
    assert all(one.requests is not None and 0 < one.requests.reset < 61 for one in standings)
    assert all(one.tokens is None for one in standings)


async def test_one_owner_does_not_use_up_what_another_may(store: str | None, owner: str) -> None:
    async with allowance(store, requests=1) as counted:
        await counted.admit(owner)

        assert (await counted.admit(owner)).spent == "requests"
        assert (await counted.admit(f"{owner}.friend")).spent is None


async def test_tokens_spent_close_the_day(store: str | None, owner: str) -> None:
    async with allowance(store, requests=100, tokens=50) as counted:
        before = await counted.admit(owner)
        await counted.spend(owner, 30)
        between = await counted.admit(owner)
        await counted.spend(owner, 999)
        after = await counted.admit(owner)
        friend = await counted.admit(f"{owner}.friend")

    assert [one.tokens.remaining for one in (before, between, after) if one.tokens is not None] == [50, 20, 0]
    assert (before.spent, between.spent, after.spent, friend.spent) == (None, None, "tokens", None)
    assert after.tokens is not None
    assert 3600 < after.tokens.reset <= 86_400
    assert after.requests is not None
    assert after.requests.remaining == 98, "a request that is refused for its tokens is no request"


async def test_many_at_once_are_counted_one_by_one(store: str | None, owner: str) -> None:
    async with allowance(store, requests=10) as counted:
        standings = await asyncio.gather(*(counted.admit(owner) for _ in range(30)))

    assert sum(one.spent is None for one in standings) == 10


async def test_without_limits_nothing_is_counted(owner: str) -> None:
    unlimited = Unlimited()
    await unlimited.spend(owner, 10**9)

    assert await unlimited.admit(owner) == Standing()
    await unlimited.probe()
    assert unlimited.failure is None
    await unlimited.close()


async def test_two_processes_count_together_in_redis(redis_url: str, owner: str) -> None:
    async with allowance(redis_url, requests=2) as here, allowance(redis_url, requests=2) as there:
        standings = [await one.admit(owner) for one in (here, there, here, there)]

    assert [one.spent for one in standings] == [None, None, "requests", "requests"]


async def test_while_redis_is_away_each_process_counts_for_itself(
    tmp_path: Path, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    if REDIS is None:
        pytest.skip("redis-server is not installed")
    caplog.set_level(logging.INFO, "api.adapters.rate_limits")
    port = _free_port()
    async with allowance(f"redis://127.0.0.1:{port}/0", requests=2) as counted:
        begun = monotonic()
        away = [await counted.admit(owner) for _ in range(3)]
        assert monotonic() - begun < 2
        failure = counted.failure
        await counted.probe()
        with _redis(port, tmp_path):
            await counted.probe()
            assert counted.failure is None
            back = await counted.admit(owner)
            assert counted.failure is None

    assert [one.spent for one in away] == [None, None, "requests"]
    assert failure == "Redis does not answer: ConnectionError."
    assert back.requests is not None
    assert (back.requests.limit, back.requests.remaining) == (2, 1)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"], "told once, and once that it is back"


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
        return port


class _redis:  # noqa: N801 - a context manager, used as a function is
    """A redis-server on this port that keeps nothing."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port = port
        command = [str(REDIS), "--port", str(port), "--save", "", "--dir", str(folder), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]})

    def __enter__(self) -> None:
        deadline = monotonic() + 10
        while not self._answers():
            assert monotonic() < deadline, "redis-server did not start"
            sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return True
        except OSError:
            return False
