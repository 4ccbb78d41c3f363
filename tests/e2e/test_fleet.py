"""Four processes on one log, fifty sessions, and kills: as if it were one process that nothing ever happened to.

In the gate a hundred turns and more, in the night two thousand.
"""

import itertools
import random
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from api.adapters.stored_log import StoredEventLog
from api.bootstrap import assembled
from api.settings import Settings, load_settings
from api.wiring.storage import open_log
from domain.events import ContextBuilt, MessageReceived, ReplyCompleted, SessionEvent, TurnFailed
from domain.session import session_id
from projections.read_models import ReadModels
from projections.rebuild import rebuild
from projections.views import FILE_NAME
from tests.fleet import Fleet, Killer, Talker, fleet, talk_all
from tests.nightly import count
from tests.postgres import schema
from tests.rows import every_row

pytestmark = pytest.mark.timeout(count(300, 7200))

OWNER = "local"
SESSIONS = 50
SHARED = 5
TURNS = count(75, 2000)
KILL_EVERY = 25
AT_ONCE = 8
MANY = 1_000_000
SECONDS_TO_GO_ON = 10


@contextmanager
def four_processes(engine: str, folder: Path) -> Generator[tuple[Fleet, dict[str, str]]]:
    """On one machine, or on two machines with a database between them."""
    if engine == "SQLite":
        with fleet(folder, servers=1, workers=4) as running:
            yield running, {}
        return
    with schema() as url, fleet(folder, servers=2, workers=2, EVENT_LOG=url) as running:
        yield running, {"event_log": url}


@pytest.mark.parametrize("engine", ["SQLite", "PostgreSQL"])
async def test_four_processes_and_fifty_sessions_with_kills_lose_and_double_nothing(
    engine: str, tmp_path: Path
) -> None:
    chance = random.Random(20261128)
    rooms = [*range(SESSIONS), *range(SHARED)]  # in some sessions two talk, each without waiting for the other
    talkers = [Talker(f"room-{room}", random.Random(number)) for number, room in enumerate(rooms)]
    with four_processes(engine, tmp_path) as (running, log_settings):
        killer = Killer(running, KILL_EVERY, chance)

        talk_all(talkers, running, killer, turns=TURNS, at_once=AT_ONCE)

        assert killer.killed == TURNS // KILL_EVERY
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for gone_on in [pool.submit(go_on, talker, running) for talker in talkers]:
                gone_on.result()
        running.stop()
        folders = [tmp_path / f"machine-{number}" / "data" for number in range(len(running.servers))]
        machines = [load_settings(data_dir=folder, **log_settings) for folder in folders]
        await check_histories(machines[0], talkers)
        for machine in machines:
            await check_views(machine)
        await check_replays(machines[0], talkers)


def go_on(talker: Talker, running: Fleet) -> None:
    """After the last kill, the session is usable within seconds: what it is told then is stored."""
    begun, numbers = monotonic(), itertools.count(MANY)
    while not talker.talk(running.servers, next(numbers)):
        assert monotonic() - begun < SECONDS_TO_GO_ON, talker.failures
    assert monotonic() - begun < SECONDS_TO_GO_ON


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[StoredEventLog]:
    log = open_log(settings)
    try:
        yield log
    finally:
        await log.close()


async def check_histories(settings: Settings, talkers: Sequence[Talker]) -> None:
    async with opened(settings) as log:
        assert log.missing_position() is None
        for talker in talkers:
            session = session_id(OWNER, talker.session)
            assert log.check(session).fault is None
            check_history([logged.event for logged in log.read_session(session, 0, MANY)], talker)


def check_history(events: Sequence[SessionEvent], talker: Talker) -> None:
    """One line of versions, each turn ended once, nothing acknowledged missing, nothing said stored twice."""
    assert [event.originator_version for event in events] == list(range(1, len(events) + 1))
    begun = [event.turn for event in events if isinstance(event, ContextBuilt)]
    ended = [event.turn for event in events if isinstance(event, ReplyCompleted | TurnFailed)]
    assert sorted(begun) == sorted(ended)
    assert len(set(begun)) == len(begun)
    texts = [event.text for event in events if isinstance(event, MessageReceived | ReplyCompleted)]
    rest = iter(texts)
    assert all(text in rest for text in talker.acknowledged)
    assert max(texts.count(text) for text in talker.said) == 1


async def check_views(settings: Settings) -> None:
    """Those of every process, whatever was done to it, have the rows of a rebuild."""
    anew = settings.data_dir / "anew" / FILE_NAME
    async with opened(settings) as log:
        rebuild(log, anew)
        with closing(ReadModels.open(anew)) as models:
            rebuilt = every_row(models)
        followed = sorted(settings.data_dir.glob(f"views/*/{FILE_NAME}"))
        assert followed
        for file in followed:
            with closing(ReadModels.open(file)) as models:
                models.follow(log).catch_up()
                assert every_row(models) == rebuilt


async def check_replays(settings: Settings, talkers: Sequence[Talker]) -> None:
    async with assembled(settings) as system:
        for talker in talkers:
            events = system.memory.log.read_session(session_id(OWNER, talker.session), 0, MANY)
            turns = [logged.event.turn for logged in events if isinstance(logged.event, ContextBuilt)]
            replayed = [await system.services.sessions.replay(OWNER, talker.session, turn) for turn in turns]
            assert [one["identical"] for one in replayed] == [True] * len(turns)
