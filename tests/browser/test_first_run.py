"""The studio on a machine that has just been set up: no session, no model, and soon a key."""

from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.server_process import ServerProcess, started
from tests.studio import Studio, looking

KEY = "key-of-mira"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess]:
    with started(tmp_path_factory.mktemp("fresh")) as server:
        yield server


@pytest.fixture
def studio(browser: Browser, fresh: ServerProcess) -> Generator[Studio]:
    with looking(browser, fresh.url, permissions=["clipboard-read", "clipboard-write"]) as studio:
        yield studio
        assert studio.complaints == []


def test_a_first_visit_says_how_to_connect_and_talks_right_there(studio: Studio, fresh: ServerProcess) -> None:
    page = studio.page
    studio.open()
    expect(page.locator("#rail .below")).to_contain_text("No sessions yet.")
    expect(page.locator(".base-url")).to_have_text(f"{fresh.url}/v1")
    studio.button("Copy").click()
    expect(page.locator(".copy button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{fresh.url}/v1"
    expect(page.locator(".try")).to_contain_text("No language model is configured")
    studio.picture("first-run")

    page.get_by_label("Session", exact=True).fill("first")
    page.evaluate(
        """() => {
            window.grown = [];
            new MutationObserver(() => grown.push(document.querySelector(".coming")?.textContent.length ?? 0))
                .observe(document.querySelector(".lines"), { subtree: true, childList: true, characterData: true });
        }"""
    )
    page.get_by_label("Your message").fill("My cat is called Pelle.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="See what it remembers of this, and why")).to_be_visible()
    # It came piece by piece.
    assert len(set(page.evaluate("grown"))) > 5
    page.get_by_label("Your message").fill("What is my cat called?")
    studio.button("Send").click()
    expect(page.locator(".lines")).to_contain_text("Pelle", use_inner_text=True)
    page.get_by_role("link", name="See what it remembers of this, and why").click()

    expect(page.locator("[role=listitem][data-version]")).to_have_count(4)
    assert [one["role"] for one in fresh.get("/sessions/first/messages")["data"]] == ["user", "assistant"] * 2


def test_one_goes_on_talking_in_a_session_that_is_open(studio: Studio, fresh: ServerProcess) -> None:
    fresh.post("/sessions/import?id=brought", {"messages": [{"role": "user", "content": "The boat is blue."}]})
    studio.open("#/s/brought")
    studio.page.get_by_label("Your message").fill("What colour is the boat?")
    studio.page.keyboard.press("Enter")

    expect(studio.page.locator("[role=listitem][data-version]")).to_have_count(3)
    expect(studio.page.locator("[role=listitem][data-version]").last).to_contain_text("I am offline")


def test_what_a_chat_says_is_text_and_never_markup(studio: Studio, fresh: ServerProcess) -> None:
    """In texts, names, ids, and what a turn quotes of them."""
    nasty = '<script>window.hurt = 1</script><img src=x onerror="window.hurt = 1"><b>bold</b>'
    said = [
        {"role": "system", "content": f"You are {nasty}"},
        {"role": "user", "name": nasty, "content": nasty},
        {"role": "assistant", "name": "<i>Maya</i>", "content": f"{nasty} [link](javascript:alert(1))"},
    ]
    name = "<b>id<script>"
    fresh.http.post("/sessions/import", params={"id": name}, json={"messages": said}).raise_for_status()
    asked = [{"role": "system", "content": nasty}, {"role": "user", "content": nasty}]
    address = "%3Cb%3Eid%3Cscript%3E"
    headers = {"X-Heartline-Mode": "append"}
    told = fresh.http.post(
        f"/sessions/{address}/v1/chat/completions", json={"model": "any", "messages": asked}, headers=headers
    )
    turn = told.raise_for_status().headers["x-turn-id"]

    studio.open("#/")
    expect(studio.page.locator("#rail .id", has_text=name)).to_be_visible()
    for tab in ("", "/feelings", "/recall", "/branches"):
        studio.open(f"#/s/{address}{tab}")
        expect(studio.page.locator("h1")).to_contain_text("<script>")
        studio.page.wait_for_timeout(200)
    studio.open(f"#/s/{address}?turn={turn}&message=4")
    expect(studio.page.locator("[role=listitem][data-version]").first.locator(".text")).to_have_text(nasty)
    expect(studio.page.locator("[role=listitem][data-version] .who b").nth(1)).to_have_text("<i>Maya</i>")
    expect(studio.page.locator(".sent .text").first).to_contain_text("<script>window.hurt")
    studio.picture("markup")

    assert studio.page.evaluate("window.hurt") is None
    assert studio.page.locator("main b b, main script, main img, #rail script, a[href^=javascript]").count() == 0


def test_a_key_is_asked_for_once_and_kept_for_the_tab_only(browser: Browser, tmp_path: Path) -> None:
    with started(tmp_path, HEARTLINE_API_KEYS=f"mira:{KEY}") as server, looking(browser, server.url) as studio:
        with_key = {"Authorization": f"Bearer {KEY}"}
        body = {"messages": [{"role": "user", "content": "Tea?"}]}
        server.http.post("/sessions/import?id=tea", json=body, headers=with_key).raise_for_status()
        page, dialog = studio.page, studio.page.get_by_role("dialog")
        studio.open("#/s/tea")
        expect(dialog).to_have_count(1)
        expect(dialog).to_contain_text("This server asks for a key")
        studio.picture("key")

        dialog.get_by_label("API key").fill("not this one")
        studio.button("Use this key").click()
        expect(dialog).to_contain_text("This key was not accepted")
        dialog.get_by_label("API key").fill(KEY)
        studio.button("Use this key").click()

        expect(page.locator("[role=listitem][data-version]")).to_contain_text("Tea?")
        expect(page.locator("#rail .entry")).to_have_count(1)
        page.reload()
        expect(page.locator("[role=listitem][data-version]")).to_contain_text("Tea?")
        assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
        assert KEY not in page.url

        studio.button("Forget the key").click()
        expect(dialog).to_contain_text("This server asks for a key")
        studio.button("Cancel").click()
        expect(page.locator(".trouble").first).to_contain_text("A key is needed")
        studio.picture("no-key")
        # The list looks for new sessions now and then; it does not ask again.
        page.wait_for_timeout(5_500)
        expect(dialog).to_have_count(0)
        assert all("401" in one for one in studio.complaints)
