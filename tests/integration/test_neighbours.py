"""Without keys whoever is on this machine is let in, and no web page may act in their name: over real HTTP."""

from collections.abc import Generator
from typing import Any

import httpx2
import openai
import pytest

from api.app import create_app
from tests.fakes_http import FakeTurns, fake_services
from tests.owners import MIRA, holders
from tests.serving import Served, serving

ASKED = {"model": "fake-1", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def turns() -> FakeTurns:
    return FakeTurns()


@pytest.fixture(scope="module")
def served(turns: FakeTurns) -> Generator[Served]:
    with serving(create_app(fake_services(turns), ["https://chat.example"])) as running:
        yield running


def post(served: Served, **headers: str) -> httpx2.Response:
    """A reply is asked for as a simple POST of a page asks, which no browser asks permission for."""
    with httpx2.Client(base_url=served.url) as http:
        return http.post("/v1/chat/completions", json=ASKED, headers={**headers, "Content-Type": "text/plain"})


def told(answer: httpx2.Response) -> dict[str, Any]:
    return answer.json()["error"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "localhost:{port}",
        "LOCALHOST",
        "localhost.:{port}",
        "my.localhost:80",
        "[::1]:{port}",
        "127.9.9.9",
    ],
)
def test_this_machines_own_names_and_addresses_are_answered(served: Served, host: str) -> None:
    assert post(served, Host=host.format(port=served.port)).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "10.1.1.2", "[oh"],
)
def test_a_name_that_was_made_to_point_here_is_refused(served: Served, turns: FakeTurns, host: str) -> None:
    before = len(turns.asked)

    answer = post(served, Host=host)

    assert (answer.status_code, told(answer)["code"]) == (403, "foreign_host")
    assert f"'{host}'" in told(answer)["message"]
    assert "CORS_ORIGINS" in told(answer)["message"]
    assert len(turns.asked) == before


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:1", "null", "file://", "http://127.0.0.1"]
)
def test_a_page_of_another_site_is_refused(served: Served, turns: FakeTurns, origin: str) -> None:
    before = len(turns.asked)

    answer = post(served, Origin=origin)

    assert (answer.status_code, told(answer)["code"]) == (403, "foreign_origin")
    assert len(turns.asked) == before


def test_a_page_of_the_server_itself_is_answered(served: Served) -> None:
    assert post(served, Origin=served.url).status_code == 200
    host = f"localhost:{served.port}"
    assert post(served, Host=host, Origin=f"http://{host}").status_code == 200


def test_a_page_and_a_host_that_the_settings_name_are_answered(served: Served) -> None:
    assert post(served, Origin="https://chat.example").status_code == 200
    assert post(served, Host="chat.example", Origin="https://chat.example").status_code == 200


def test_where_every_page_may_call_nothing_is_refused() -> None:
    with serving(create_app(fake_services(), ["*"])) as served:
        assert post(served, Host="any.example", Origin="https://other.example").status_code == 200


def test_a_program_sends_no_origin_and_is_answered(served: Served) -> None:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        assert client.models.list().data


def test_where_there_are_keys_the_key_decides() -> None:
    with serving(create_app(fake_services(owners=holders()))) as served:
        keyless = post(served, Host="heartline.example", Origin="https://other.example")
        known = post(served, Host="heartline.example", Authorization=f"Bearer {MIRA}")

    assert (keyless.status_code, told(keyless)["code"]) == (401, "invalid_api_key")
    assert known.status_code == 200
