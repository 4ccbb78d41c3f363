"""A process to be killed: appends to a log for ever and prints each version once it is acknowledged.

python tests/integration/append_forever.py FILE
"""

import asyncio
import sys
from pathlib import Path

from api.adapters.sqlite_log import SqliteEventLog
from tests.contracts.event_log_contract import say, started, store


async def append_forever(file: Path) -> None:
    log = SqliteEventLog(file)
    session = started("the killed one")
    await store(log, session)
    while True:
        say(session, f"text after {session.version}")
        await store(log, session)
        sys.stdout.write(f"{session.version}\n")
        sys.stdout.flush()


asyncio.run(append_forever(Path(sys.argv[1])))
