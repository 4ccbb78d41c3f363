"""The studio's files as the server gives them: the page for a browser, under a strict policy, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

import api
from api.app import create_app
from tests.fakes_http import fake_services
from tests.serving import serving

STUDIO = Path(api.__path__[0]) / "studio"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with serving(create_app(fake_services())) as served, httpx2.Client(base_url=served.url) as client:
        yield client


def test_a_browser_gets_the_page_and_everybody_else_json(http: httpx2.Client) -> None:
    page, told = http.get("/", headers=BROWSER), http.get("/")

    assert page.headers["content-type"].startswith("text/html")
    assert page.text == (STUDIO / "index.html").read_text()
    assert told.json()["name"] == "heartline"
    assert (page.headers["vary"], told.headers["vary"]) == ("Accept", "Accept")


def test_the_page_may_use_nothing_but_the_servers_own_files(http: httpx2.Client) -> None:
    policy = http.get("/", headers=BROWSER).headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    ("file", "kind"), [("main.js", "javascript"), ("css/base.css", "text/css"), ("vendor/uPlot.esm.js", "javascript")]
)
def test_its_files_are_served_and_known_again(http: httpx2.Client, file: str, kind: str) -> None:
    first = http.get(f"/studio/{file}")
    again = http.get(f"/studio/{file}", headers={"If-None-Match": first.headers["etag"]})

    assert first.content == (STUDIO / file).read_bytes()
    assert kind in first.headers["content-type"]
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["nothing.js", "", "css", "../app.py", "%2e%2e/app.py", "..%2fapp.py", "css/../../app.py", "a%00b", "x" * 300],
)
def test_nothing_else_is_there(http: httpx2.Client, path: str) -> None:
    answered = http.get(f"/studio/{path}")

    assert answered.status_code == 404
    assert answered.json()["error"]["message"]


def test_the_page_names_no_other_host_and_no_inline_code() -> None:
    ours = [
        path for path in STUDIO.rglob("*.*") if path.suffix in {".html", ".js", ".css"} and "vendor" not in path.parts
    ]
    page = (STUDIO / "index.html").read_text()

    foreign = [
        path.name for path in ours if re.search(r"""(src|href|from|import|url)\W{1,3}https?:""", path.read_text())
    ]
    assert foreign == []
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=", page)


def test_no_module_reads_markup() -> None:
    ours = list(STUDIO.glob("*.js"))

    markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function")
    assert [path.name for path in ours if markup.search(path.read_text())] == []


def test_every_module_says_what_it_is_for_and_is_small() -> None:
    ours = [path.read_text() for path in STUDIO.glob("*.js")]

    assert all(text.startswith("/**") for text in ours)
    assert max(text.count("\n") for text in ours) < 300
