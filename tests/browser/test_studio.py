"""The studio, walked through in Chromium on a conversation that was imported and talked on in."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.server_process import ServerProcess
from tests.studio import Asking, Studio, looking
from tests.upstream import FakeUpstream, reply

LAST_QUESTION = "I am so happy that the lamp is lit! Were you afraid, Edvin?"
LAST_REPLY = "I was. And I am glad that you ask only now."


def head(server: ServerProcess, session: str = "skarv") -> int:
    version: int = server.get(f"/sessions/{session}")["version"]
    return version


def first_turn(server: ServerProcess) -> dict[str, Any]:
    """The reply to the first question: its message."""
    said = server.get("/sessions/skarv/messages", limit=1000)["data"]
    return next(message for message in said if message["turn_id"] and message["role"] == "assistant")


def rows(page: Page) -> Locator:
    return page.locator("[role=listitem][data-version]")


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_sessions_are_listed_searched_and_opened(studio: Studio) -> None:
    studio.open()
    entries = studio.page.locator("#rail .entry")
    expect(entries).to_have_count(2)
    assert "Good morning, Edvin!" in studio.text("#rail .entry:has-text('skarv-winter') .title")
    assert re.search(r"skarv-winter\s+fork\s+30", studio.text("#rail .entry:has-text('skarv-winter')"))

    studio.page.get_by_role("searchbox").fill("WINTER")
    expect(entries).to_have_count(1)
    studio.page.get_by_role("searchbox").fill("nothing like it")
    expect(studio.page.locator("#rail .below")).to_contain_text("No session has that")
    studio.page.get_by_role("searchbox").fill("winter")
    entries.first.click()

    expect(studio.page.get_by_role("heading", level=1)).to_contain_text("Good morning, Edvin!")
    expect(studio.page.locator(".session-head .facts")).to_contain_text("fork of skarv")


# -- the conversation --------------------------------------------------------------------------------------------------


def test_a_conversation_shows_who_when_what_was_felt_and_how_much_it_matters(studio: Studio) -> None:
    studio.open("#/s/skarv")
    last = rows(studio.page).last
    expect(last).to_contain_text(LAST_REPLY)
    studio.picture("conversation")

    row = rows(studio.page).filter(has_text=LAST_QUESTION)
    expect(row.locator(".who")).to_contain_text("You")
    expect(row.locator("time")).to_have_text(re.compile(r"\d\d:\d\d"))
    expect(row.locator(".feel")).to_have_text("fear")
    assert re.match(r"importance 0\.\d\d|importance 1\.00", row.locator(".weight").inner_text())
    expect(studio.page.locator(".then")).to_contain_text("You are Edvin, keeper of the lighthouse")


def test_swipes_and_former_texts_are_reachable_from_where_they_left(studio: Studio) -> None:
    studio.open("#/s/skarv")
    edited = rows(studio.page).filter(has_text=LAST_QUESTION)
    edited.get_by_text("1 message stood here before").click()
    expect(edited).to_contain_text("Were you afraid that night?")
    reply_row = rows(studio.page).filter(has_text=LAST_REPLY)
    reply_row.get_by_text("2 messages stood here before").click()
    expect(reply_row).to_contain_text("More than I have ever told anyone.")
    studio.picture("swipes")

    reply_row.get_by_role("button", name=re.compile("See it as it was")).first.click()

    expect(studio.page.locator(".axis")).to_contain_text("As it was then")
    expect(rows(studio.page).last).to_contain_text("Terrified. But one does not leave a light alone")


def test_the_slider_and_the_keys_show_the_session_as_it_was(studio: Studio, lighthouse: ServerProcess) -> None:
    studio.open("#/s/skarv")
    expect(rows(studio.page).last).to_contain_text(LAST_REPLY)
    slider = studio.page.get_by_role("slider", name="Version of the session")

    slider.fill("8")

    expect(rows(studio.page)).to_have_count(5)
    expect(studio.page.locator(".axis output")).to_have_text(f"Version 8 of {head(lighthouse)}")
    expect(studio.page.locator(".then")).to_contain_text("who kept the light on Skarv island for thirty years")
    expect(studio.page.locator(".then")).to_contain_text("Not written yet")
    studio.picture("past")
    studio.page.locator("h1").click()
    studio.page.keyboard.press("[")
    expect(rows(studio.page)).to_have_count(4)
    studio.page.keyboard.press("]")
    expect(rows(studio.page)).to_have_count(5)
    slider.focus()
    studio.page.keyboard.press("Home")
    expect(studio.page.locator(".path")).to_contain_text("Nothing was said yet")
    studio.button("Back to now").click()
    expect(rows(studio.page).last).to_contain_text(LAST_REPLY)


def test_a_fork_and_a_rewind_are_asked_once_and_done(studio: Studio, lighthouse: ServerProcess) -> None:
    studio.open("#/s/skarv?at=12")
    studio.button("Fork from here").click()
    studio.page.get_by_role("dialog").get_by_label("Name of the new session").fill("spring")
    studio.picture("fork")
    studio.button("Fork").click()
    expect(studio.page.locator(".session-head .facts")).to_contain_text("fork of skarv at version 12")
    assert lighthouse.get("/sessions/spring")["lineage"]["parent"] == "skarv"

    before = head(lighthouse, "spring")
    studio.open("#/s/spring?at=7")
    studio.button("Rewind to here").click()
    studio.button("Cancel").click()
    assert head(lighthouse, "spring") == before
    studio.button("Rewind to here").click()
    studio.button("Rewind").click()
    expect(rows(studio.page)).to_have_count(4)
    expect(studio.page.locator(".axis")).not_to_contain_text("As it was then")
    assert head(lighthouse, "spring") > before
    expect(rows(studio.page).last).to_contain_text("5 messages once followed here")


def test_a_fork_whose_name_is_taken_says_so(studio: Studio) -> None:
    studio.open("#/s/skarv")
    studio.button("Fork from here").click()
    studio.page.get_by_role("dialog").get_by_role("textbox").fill("skarv-winter")
    studio.button("Fork").click()

    expect(studio.page.get_by_role("dialog")).to_contain_text("skarv-winter")
    studio.page.keyboard.press("Escape")
    # The browser notes the refusal, which was meant.
    assert ["409" in one for one in studio.complaints] == [True]
    studio.complaints.clear()


def test_a_session_that_is_talked_in_elsewhere_updates_by_itself(
    studio: Studio, lighthouse: ServerProcess, upstream: FakeUpstream
) -> None:
    studio.open("#/s/skarv-winter")
    expect(rows(studio.page).last).to_contain_text("Astrid. She would have eaten this book too.")
    upstream.will(reply("Good night, Nora."))

    Asking(lighthouse)("skarv-winter", "Good night, Edvin. I will be back in June.")

    expect(rows(studio.page).last).to_contain_text("Good night, Nora.")
    expect(rows(studio.page).nth(-2)).to_contain_text("I will be back in June.")
    expect(studio.page.locator(".session-head .facts")).to_contain_text("32 messages")


# -- why ---------------------------------------------------------------------------------------------------------------


def test_why_shows_the_budget_the_candidates_and_the_context_with_each_part_marked(
    studio: Studio, lighthouse: ServerProcess
) -> None:
    answer = first_turn(lighthouse)
    audit = lighthouse.get(f"/sessions/skarv/turns/{answer['turn_id']}")
    studio.open("#/s/skarv")
    rows(studio.page).filter(has_text=answer["text"]).get_by_role("button", name=re.compile("Why this reply")).click()
    beside = studio.page.locator(".beside")
    expect(beside.get_by_role("heading", level=2)).to_have_text(f"What M{answer['version']} was made of")

    bar = beside.get_by_role("img", name=re.compile("Of 760 tokens"))
    assert f"history {audit['budget']['history']['used']}" in (bar.get_attribute("aria-label") or "")
    kept = [one for one in audit["candidates"] if one["verdict"] == "kept"]
    assert kept
    recalled = beside.get_by_role("table", name="Recalled")
    expect(recalled.locator("tbody tr.kept")).to_have_count(len(kept))
    recalled.locator("tbody tr.kept").first.get_by_role("button", name=re.compile("show its parts")).click()
    expect(recalled.locator(".parts dl").first).to_contain_text(f"{max(kept[0]['parts'].values()):.3f}")
    expect(beside.locator(".sent.part-instructions").first).to_contain_text("keeper of the lighthouse at Skarv")
    expect(beside.locator(".sent.part-recalled .quoted").first).to_be_visible()
    expect(beside.locator(".sent.part-question")).to_contain_text("Which trawler found the harbour")
    studio.picture("why")

    beside.locator(".sent.part-recalled .quoted").get_by_role("button", name=re.compile("To message")).first.click()
    expect(studio.page.locator("[data-index].found")).to_be_visible()


def test_any_message_tells_why_it_was_not_shown(studio: Studio, lighthouse: ServerProcess) -> None:
    answer = first_turn(lighthouse)
    studio.open(f"#/s/skarv?turn={answer['turn_id']}")
    expect(studio.page.locator(".beside")).to_contain_text("Budget")
    studio.page.locator(".path > .scroll").evaluate("place => (place.scrollTop = 0)")
    row = rows(studio.page).filter(has_text="She ate the logbook of 1974")
    row.get_by_role("button", name=re.compile("About M")).click()

    told = lighthouse.get(f"/sessions/skarv/turns/{answer['turn_id']}/why-not", version=9)
    expect(studio.page.locator(".whynot")).to_contain_text(told["explanation"])
    expect(studio.page.locator(".whynot h3")).to_contain_text("About M9")
    studio.picture("why-not")


def test_a_replay_gives_its_verdict(studio: Studio, lighthouse: ServerProcess) -> None:
    answer = first_turn(lighthouse)
    studio.open(f"#/s/skarv?turn={answer['turn_id']}")
    studio.button("Replay from events").click()

    proof = studio.page.locator(".proof")
    expect(proof).to_contain_text("Identical")
    expect(proof).to_contain_text(lighthouse.get(f"/sessions/skarv/turns/{answer['turn_id']}")["context_sha256"])


def test_what_if_stands_beside_what_was(studio: Studio, lighthouse: ServerProcess) -> None:
    answer = first_turn(lighthouse)
    studio.open(f"#/s/skarv?turn={answer['turn_id']}")
    studio.page.get_by_label("Policy").select_option("cosine")
    studio.page.get_by_label("Memories").fill("2")
    studio.button("What if").click()

    pair = studio.page.locator(".pair section")
    expect(pair).to_have_count(2)
    expect(pair.nth(0)).to_contain_text("Real: heartline")
    expect(pair.nth(1)).to_contain_text("What if: cosine")
    expect(studio.page.locator(".answer .sum")).to_contain_text(re.compile("in both|the same context"))
    pair.nth(1).scroll_into_view_if_needed()
    studio.picture("what-if")


# -- feelings, recall, branches, health --------------------------------------------------------------------------------


def test_feelings_are_hovered_walked_and_clicked_into_the_conversation(studio: Studio) -> None:
    studio.open("#/s/skarv/feelings")
    plot = studio.page.get_by_role("slider", name=re.compile("Feelings"))
    expect(plot).to_have_attribute("aria-valuemax", "28")
    over = plot.locator(".u-over")
    box = over.bounding_box()
    assert box is not None
    over.hover(position={"x": box["width"] * 8.5 / 28, "y": 40})
    expect(studio.page.locator(".readout")).to_contain_text("My father died in October")
    expect(studio.page.locator(".readout .feel")).to_have_text("sadness")
    studio.picture("feelings")
    plot.focus()
    studio.page.keyboard.press("ArrowRight")
    expect(studio.page.locator(".readout")).to_contain_text("I am so sad to hear it")

    over.click(position={"x": box["width"] * 8.5 / 28, "y": 40})

    expect(studio.page.locator("[data-index].found")).to_contain_text("My father died in October")


def test_the_bench_recalls_as_of_a_version_with_filters_and_by_two_policies(studio: Studio) -> None:
    studio.open("#/s/skarv/recall")
    studio.page.get_by_label("What would be recalled for").fill("Which trawler found the harbour?")
    studio.page.get_by_label("Compare with").select_option("cosine")
    studio.page.get_by_label("Memories").fill("5")
    studio.button("Recall").click()
    tables = studio.page.locator(".pair table")
    expect(tables).to_have_count(2)
    expect(tables.first).to_contain_text("A trawler called Havbris found the harbour")
    expect(studio.page.locator(".answer")).to_contain_text("only right")
    studio.picture("recall")

    studio.page.get_by_label("Compare with").select_option("")
    studio.page.get_by_label("As of version").fill("10")
    studio.page.get_by_label("Speaker").fill("nora")
    studio.button("Recall").click()

    expect(studio.page.locator(".answer")).to_contain_text("As of version 10.")
    expect(studio.page.locator(".pair")).not_to_contain_text("Havbris")
    expect(studio.page.locator(".pair tbody tr").first).to_contain_text("Nora")


def test_two_branches_are_compared_and_a_memory_carried_over(studio: Studio, lighthouse: ServerProcess) -> None:
    studio.open("#/s/skarv/branches")
    expect(studio.page.locator(".tree")).to_contain_text("skarv-winter")
    studio.page.get_by_label("Session to compare with").select_option("skarv-winter")
    answer = studio.page.locator(".answer")
    expect(answer).to_contain_text("in common")
    goat = answer.locator("li").filter(has_text="Astrid. She would have eaten this book too.")
    studio.picture("branches")
    goat.get_by_role("button", name="Carry to skarv").click()
    studio.button("Carry over").click()

    expect(answer.get_by_role("heading", name="Carried over to it")).to_be_visible()
    carried = lighthouse.get("/sessions/skarv/diff/skarv-winter")["a"]["carried"]
    assert [one["text"] for one in carried] == ["Astrid. She would have eaten this book too."]


def test_health_tells_lag_model_stages_and_what_was_used(studio: Studio) -> None:
    studio.open("#/health")
    expect(studio.page.get_by_role("table", name="Parts of the server")).to_contain_text("fake-1 (openai)")
    expect(studio.page.get_by_role("table", name="Parts of the server")).to_contain_text("0 events behind")
    stages = studio.page.get_by_role("table", name="Stages of a turn")
    expect(stages).to_contain_text("recall")
    expect(stages).to_contain_text("ms")
    expect(studio.page.get_by_role("table", name="Usage by day").locator("tbody tr")).to_have_count(1)
    studio.picture("health")


# -- for everybody -----------------------------------------------------------------------------------------------------

EVERYWHERE = ["#/", "#/s/skarv", "#/s/skarv?at=9", "#/s/skarv/feelings", "#/s/skarv/recall", "#/s/skarv/branches"]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_nobody_is_kept_out(lighthouse: ServerProcess, studio: Studio, scheme: str, width: int) -> None:
    turn = first_turn(lighthouse)["turn_id"]
    browser = studio.page.context.browser
    assert browser is not None
    found: dict[str, list[str]] = {}
    with looking(browser, lighthouse.url, color_scheme=scheme, viewport={"width": width, "height": 800}) as visitor:
        for number, address in enumerate([*EVERYWHERE, f"#/s/skarv?turn={turn}&message=9", "#/health"]):
            visitor.open(address)
            expect(visitor.page.locator("main > *")).not_to_have_count(0)
            visitor.page.wait_for_timeout(400)
            visitor.picture(f"{scheme}-{width}-{number}")
            found[address] = visitor.violations()
            wide = visitor.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, address
        assert visitor.complaints == []

    assert {address: told for address, told in found.items() if told} == {}


def test_all_can_be_done_by_keys(studio: Studio) -> None:
    studio.open("#/s/skarv")
    expect(rows(studio.page).last).to_contain_text(LAST_REPLY)
    studio.page.keyboard.press("Tab")
    expect(studio.page.locator(".skip")).to_be_focused()
    for _ in range(40):
        studio.page.keyboard.press("Tab")
        if studio.page.evaluate("document.activeElement.matches('[data-index]')"):
            break
    studio.page.keyboard.press("End")
    expect(rows(studio.page).last).to_be_focused()
    studio.page.keyboard.press("ArrowUp")
    expect(rows(studio.page).nth(-2)).to_be_focused()
    studio.page.keyboard.press("ArrowDown")
    studio.page.keyboard.press("Enter")
    expect(studio.page.locator(".beside.asked")).to_be_visible()
    studio.page.keyboard.press("Escape")
    expect(studio.page.locator(".beside.asked")).to_have_count(0)
