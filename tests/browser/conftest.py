"""One browser and one server for each module; a page of its own for each test, which must leave the console silent."""

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser, expect

from tests.server_process import ServerProcess, started
from tests.studio import CHROMIUM, Studio, chromium, keep_the_light, looking
from tests.upstream import FakeUpstream


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here: apt-get install chromium, for the studio's tests.")
    # For a machine that does other things as well.
    expect.set_options(timeout=15_000)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def upstream() -> Generator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def lighthouse(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Generator[ServerProcess]:
    """A server with the session `skarv`, and a fork of it."""
    settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_MODEL": "fake-1", "CONTEXT_WINDOW_TOKENS": "760"}
    with started(tmp_path_factory.mktemp("studio"), **settings) as server:
        keep_the_light(server, upstream)
        yield server


@pytest.fixture
def studio(browser: Browser, lighthouse: ServerProcess) -> Generator[Studio]:
    with looking(browser, lighthouse.url) as studio:
        yield studio
        assert studio.complaints == []
