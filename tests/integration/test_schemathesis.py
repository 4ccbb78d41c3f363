"""The whole surface, asked all that its description allows and much that it does not.

schemathesis checks that nothing is a 5xx, that every error is OpenAI's object (the description says so of all), that
what is wrong is refused, and that no route answers without a key.
"""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.owners import owned_app, routes
from tests.serving_system import AS_MIRA, served_system
from tests.system import system

COMMAND = Path(sys.executable).with_name("schemathesis")
SECONDS = 480
"""Far more than it takes, for a machine that does other things as well."""


@pytest.mark.timeout(SECONDS + 60)
def test_no_request_that_the_description_can_make_breaks_the_server(tmp_path: Path) -> None:
    with served_system(tmp_path / "data") as served, httpx2.Client(base_url=served.url, headers=AS_MIRA) as http:
        description = http.get("/openapi.json").json()
        (tmp_path / "openapi.json").write_text(json.dumps(_that_end(description)))
        run = subprocess.run(
            [
                *(COMMAND, "run", "openapi.json", "--url", served.url, "--no-color", "--header"),
                *(f"Authorization: {AS_MIRA['Authorization']}", "--phases", "coverage,fuzzing", "--max-examples", "5"),
                # We refuse some of what the description allows: a NUL, a name of blanks, a k beyond the version.
                *("--exclude-checks", "positive_data_acceptance", "--continue-on-failure", "--seed", "1"),
                *("--generation-database", "none", "--request-timeout", "20"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        health = http.get("/health").json()

    assert run.returncode == 0, run.stdout[-6000:]
    assert f"Tested: {sum(map(len, _operations(description)))}" in run.stdout
    assert health["status"] == "ok"


async def test_the_description_names_exactly_the_routes(tmp_path: Path) -> None:
    async with system(tmp_path) as built:
        app = owned_app(built)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://heartline.test") as http:
        description = (await http.get("/openapi.json")).json()

    described = {
        f"{method.upper()} {path}"
        for path, item in description["paths"].items()
        for method in item.keys() & {"get", "post", "delete"}
    }
    assert described == {route.replace(":path}", "}") for route in routes(app)}


def _operations(description: dict[str, dict[str, dict[str, object]]]) -> list[set[str]]:
    return [set(item) & {"get", "post", "delete"} for item in description["paths"].values()]


def _that_end(description: dict[str, dict[str, dict[str, dict[str, list[dict[str, str]]]]]]) -> object:
    """A stream that goes on until the client leaves is not for a client that waits for its end."""
    events = description["paths"]["/sessions/{session}/events"]["get"]
    events["parameters"] = [one for one in events["parameters"] if one["name"] != "follow"]
    return description
