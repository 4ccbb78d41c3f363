"""What was acknowledged outlives the process that wrote it, however it ended."""

import subprocess
import sys
from pathlib import Path

from api.adapters.sqlite_log import SqliteEventLog
from domain.session import session_id
from tests.contracts.event_log_contract import say, store

REPOSITORY = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("append_forever.py")


def killed_after(file: Path, lines: int) -> list[int]:
    """The versions that a process acknowledged before it was killed in the middle of its work."""
    command = [sys.executable, str(CHILD), str(file)]
    with subprocess.Popen(command, cwd=REPOSITORY, env={"PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        acknowledged += child.stdout.readlines()
    return [int(line) for line in acknowledged if line.endswith("\n")]


async def test_all_that_was_acknowledged_before_a_kill_is_there_and_the_log_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "events.sqlite"

    acknowledged = killed_after(file, lines=50)

    log = SqliteEventLog(file)
    session = await log.load(session_id("local", "the killed one"))
    events = log.read_session(session.id, 0, 100_000)
    assert len(acknowledged) >= 50
    assert [one.event.originator_version for one in events] == list(range(1, session.version + 1))
    assert session.version >= acknowledged[-1]
    assert log.check(session.id).fault is None
    say(session, "alive")
    await store(log, session)
    assert log.check(session.id).fault is None
    await log.close()
