"""Two processes that find the same work left undone: each text is encoded by one of them."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

from api.adapters.sqlite_log import SqliteEventLog
from tests.server_process import ServerProcess, started

TEXTS = 1200
ALIKE = {"SUMMARIZE_AFTER_MESSAGES": "10000"}
"""Summaries are texts as well, and would have vectors."""
WARMING = 1
"""The text that each server encodes at its start."""


async def versions_with_vectors(folder: Path) -> set[int]:
    log = SqliteEventLog(folder / "data" / "events.sqlite")
    found = {logged.stored.version for logged in log.read_vectors(0, 1_000_000)}
    await log.close()
    return found


def encoded(server: ServerProcess) -> int:
    """Texts that the server has encoded since its start."""
    lines = server.http.get("/metrics").text.splitlines()
    (counted,) = (line for line in lines if line.startswith("heartline_encoder_pass_sequences_sum"))
    return int(float(counted.split()[-1]))


def wait_until_encoded(server: ServerProcess, texts: int) -> None:
    while encoded(server) < texts:
        sleep(0.02)


async def test_what_a_killed_process_left_is_encoded_once_by_those_that_start(tmp_path: Path) -> None:
    texts = [f"Boat number {number} lies in the harbour; whose is it?" for number in range(TEXTS)]
    with started(tmp_path, **ALIKE) as server:
        server.post("/sessions/import", {"messages": [{"role": "user", "text": text} for text in texts]})
        wait_until_encoded(server, 100)
        server.kill()
    left = TEXTS - len(await versions_with_vectors(tmp_path))
    assert 0 < left < TEXTS

    with ExitStack() as stack:
        servers = [stack.enter_context(started(folder, **ALIKE)) for folder in (tmp_path, tmp_path)]
        deadline = monotonic() + 60
        while len(await versions_with_vectors(tmp_path)) < TEXTS:
            assert monotonic() < deadline
            await asyncio.sleep(0.2)
        await asyncio.sleep(6)  # who was put off looks again

        assert sum(encoded(server) - WARMING for server in servers) == left
