"""What the studio says when something is the matter, and what to do about it."""

from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.server_process import ServerProcess, started
from tests.studio import Asking, looking
from tests.upstream import FakeUpstream, refusal, reply


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Generator[ServerProcess]:
    """A server whose model refuses what it is asked first."""
    with started(tmp_path_factory.mktemp("troubles"), OPENAI_BASE_URL=upstream.base_url, OPENAI_MODEL="fake-1") as one:
        yield one


def test_a_failed_turn_says_why_and_what_to_do(
    browser: Browser, failing: ServerProcess, upstream: FakeUpstream
) -> None:
    upstream.will(refusal(401, message="Incorrect API key provided."))
    asked = {"model": "any", "messages": [{"role": "user", "content": "Is anybody there?"}]}
    assert failing.http.post("/sessions/lost/v1/chat/completions", json=asked).status_code >= 400

    with looking(browser, failing.url) as studio:
        studio.open("#/s/lost")
        row = studio.page.locator("[role=listitem][data-version]")
        expect(row).to_contain_text("Is anybody there?")
        expect(row).to_contain_text("No reply yet, or it failed: ask why.")
        row.get_by_role("button", name="Why").click()

        expect(studio.page.locator(".beside .failed")).to_contain_text("This turn failed")
        expect(studio.page.locator(".beside .failed")).to_contain_text("Send it again")
        expect(studio.page.locator(".beside")).to_contain_text("Context as sent")
        studio.picture("failed-turn")
        studio.open("#/health")
        expect(studio.page.locator(".state-degraded")).to_contain_text("It serves, with less.")
        expect(studio.page.locator("main")).to_contain_text("The language model failed when last asked")
        assert studio.complaints == []


def test_a_reply_that_fails_here_keeps_what_was_written(
    browser: Browser, failing: ServerProcess, upstream: FakeUpstream
) -> None:
    upstream.will(refusal(401, message="Incorrect API key provided."))
    with looking(browser, failing.url) as studio:
        studio.open()
        studio.page.get_by_label("Your message").fill("Good evening")
        studio.page.keyboard.press("Enter")

        expect(studio.page.locator(".failed")).to_contain_text("model")
        expect(studio.page.get_by_label("Your message")).to_have_value("Good evening")


@pytest.mark.parametrize("tab", ["", "/feelings", "/recall", "/branches"])
def test_a_session_that_is_not_there_says_so(browser: Browser, failing: ServerProcess, tab: str) -> None:
    with looking(browser, failing.url) as studio:
        studio.open(f"#/s/nowhere{tab}")

        expect(studio.page.locator(".trouble").first).to_contain_text("It is not there")
        expect(studio.page.locator(".trouble").first).to_contain_text("erased")
        studio.picture("not-there")


def test_a_session_without_turns_says_so_everywhere(browser: Browser, failing: ServerProcess) -> None:
    failing.post("/sessions/import?id=quiet", {"messages": [{"role": "system", "content": "You are Tam."}]})
    with looking(browser, failing.url) as studio:
        studio.open("#/s/quiet")
        expect(studio.page.locator(".path")).to_contain_text("Nothing has been said here")
        studio.picture("without-turns")
        studio.open("#/s/quiet/feelings")
        expect(studio.page.locator(".tab")).to_contain_text("Nothing was read yet")
        studio.open("#/s/quiet/branches")
        expect(studio.page.locator(".tree")).to_contain_text("It has no fork")
        studio.open("#/s/quiet/recall")
        studio.page.get_by_label("What would be recalled for").fill("tea")
        studio.page.get_by_label("Kind").select_option("message")
        studio.button("Recall").click()
        expect(studio.page.locator(".answer")).to_contain_text("Nothing.")
        assert studio.complaints == []


def test_a_version_that_there_is_not_says_which_there_are(browser: Browser, failing: ServerProcess) -> None:
    failing.post("/sessions/import?id=short", {"messages": [{"role": "user", "content": "Tea?"}]})
    with looking(browser, failing.url) as studio:
        studio.open("#/s/short?at=9999")

        expect(studio.page.locator(".trouble")).to_contain_text("The session has versions 1 to")


def test_a_server_that_stops_is_told_of_and_waited_for(
    browser: Browser, upstream: FakeUpstream, tmp_path: Path
) -> None:
    settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_MODEL": "fake-1"}
    with started(tmp_path, **settings) as server, looking(browser, server.url) as studio:
        port = server.url.rpartition(":")[2]
        upstream.will(reply("Here."))
        Asking(server)("here", "Are you there?")
        studio.open("#/s/here")
        expect(studio.page.locator("[role=listitem][data-version]")).to_have_count(2)
        server.stop()

        expect(studio.page.locator(".lost")).to_contain_text("The server does not answer")
        expect(studio.page.locator("[role=listitem][data-version]")).to_have_count(2)
        studio.picture("stopped")
        studio.page.get_by_role("link", name="Feelings").click()
        expect(studio.page.locator(".trouble").first).to_contain_text("nothing that was said is lost")

        with started(tmp_path, PORT=port, **settings) as again:
            upstream.will(reply("Still here."))
            studio.page.get_by_role("link", name="Conversation").click()
            expect(studio.page.locator(".lost")).to_be_hidden(timeout=15_000)
            Asking(again)("here", "And now?")
            expect(studio.page.locator("[role=listitem][data-version]").last).to_contain_text("Still here.")


def test_a_tab_that_does_not_come_leaves_the_others_and_comes_when_it_can(
    browser: Browser, upstream: FakeUpstream, tmp_path: Path
) -> None:
    with started(tmp_path, OPENAI_BASE_URL=upstream.base_url, OPENAI_MODEL="fake-1") as server:
        upstream.will(reply("Here."))
        Asking(server)("here", "Are you there?")
        with looking(browser, server.url) as studio:
            studio.page.route("**/feelings.js", lambda route: route.abort())
            studio.open("#/s/here/feelings")
            expect(studio.page.locator(".trouble")).to_contain_text("The server does not answer")

            studio.page.get_by_role("link", name="Conversation").click()
            expect(studio.page.locator("[role=listitem][data-version]")).to_have_count(2)

            studio.page.unroute("**/feelings.js")
            studio.page.get_by_role("link", name="Feelings").click()
            expect(studio.page.locator(".plot, .uplot").first).to_be_visible()
