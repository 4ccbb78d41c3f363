"""One server for all tests that leave it as it is: started with nothing configured, its use of the network watched."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.network import NETWORK_LOG, watched
from tests.server_process import ServerProcess, started


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heartline")


@pytest.fixture(scope="session")
def server(folder: Path) -> Generator[ServerProcess]:
    with started(folder, **watched(folder)) as server:
        yield server


@pytest.fixture
def network_log(folder: Path, server: ServerProcess) -> Path:
    """Where each use of a socket by that server is noted, a line for each."""
    assert server.runs
    return folder / NETWORK_LOG
