"""The studio in a real browser: Debian's Chromium, driven by Playwright, and a conversation to look at.

What the page writes to its console, and what its policy refuses, fails the test that saw it.
"""

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.server_process import ServerProcess
from tests.upstream import FakeUpstream, reply

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES: Final = Path(__file__).parent / "browser" / "screenshots"
"""Where each run leaves what it saw; git does not look there."""

LIGHTHOUSE: Final = Path(__file__).parent / "fixtures" / "lighthouse.json"
SKARV: Final = "You are Edvin, keeper of the lighthouse at Skarv. You speak little and mean it."

# Without these it looks for hosts that are not there, at every start.
_ALONE: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

_RULES: Final = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}


@contextmanager
def chromium() -> Generator[Browser]:
    """A browser that looks for no host but those it is sent to."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ALONE)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True, kw_only=True)
class Studio:
    """A page of the studio at `url`. `complaints` are what its console said."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list[str])

    def open(self, address: str = "#/") -> None:
        """As if the address had just been typed."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{address}")

    def text(self, selector: str) -> str:
        """What one reads there."""
        return self.page.locator(selector).first.inner_text()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def picture(self, name: str) -> None:
        """Leaves a screenshot."""
        PICTURES.mkdir(exist_ok=True)
        self.page.wait_for_timeout(150)
        self.page.screenshot(path=PICTURES / f"{name}.png")

    def violations(self) -> list[str]:
        """What axe-core finds to be hard to use for somebody."""
        # Its types are partial.
        axe: Any = Axe()
        listed: list[dict[str, Any]] = axe.run(self.page, options=_RULES).response["violations"]
        return [f"{one['id']}: {[node['target'] for node in one['nodes'][:3]]} {one['help']}" for one in listed]

    def complain(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)


@contextmanager
def looking(browser: Browser, url: str, **given: Any) -> Generator[Studio]:
    """A page of its own: as it was never there before. Given are Playwright's options of a context."""
    options: dict[str, Any] = {
        "viewport": {"width": 1280, "height": 800},
        "locale": "en-GB",
        "timezone_id": "UTC",
        **given,
    }
    context = browser.new_context(**options)
    context.set_default_timeout(10_000)
    studio = Studio(page=context.new_page(), url=url)
    studio.page.on("console", lambda message: studio.complain(message.type, message.text))
    studio.page.on("pageerror", lambda error: studio.complaints.append(str(error)))
    try:
        yield studio
    finally:
        context.close()


def keep_the_light(server: ServerProcess, upstream: FakeUpstream) -> None:
    """The session `skarv`: Nora and Edvin as imported, then two turns, the second swiped and its question edited; and a
    fork of it, `skarv-winter`, with a turn of its own."""
    upstream.will(
        reply(
            "Nora writes a book about lighthouses and visits Edvin, who kept the light on Skarv from 1971 on, with a "
            "goat called Astrid. In November her father died, a typesetter from Malmo. In the storm of January 1984 "
            "the light did not go out; Olav Tveit, one of the seven men of the trawler Havbris, will bring a bottle in "
            "June."
        )
    )
    server.http.post("/sessions/import?id=skarv", content=LIGHTHOUSE.read_bytes()).raise_for_status()
    settled(server, "skarv")
    upstream.will(
        reply("Havbris. Seven men on board, and Olav Tveit at the helm."),
        reply("Terrified. But one does not leave a light alone in such weather."),
        reply("Astrid. She would have eaten this book too."),
        reply("More than I have ever told anyone."),
        reply("I was. And I am glad that you ask only now."),
    )
    ask = Asking(server)
    ask("skarv", "Which trawler found the harbour in the great storm?")
    ask("skarv", "I am so happy that the lamp is lit again! Were you afraid that night?")
    server.post("/sessions/skarv/fork", {"as": "skarv-winter"})
    ask("skarv-winter", "What was your goat called?")
    shown = [(one["role"], one["text"]) for one in server.get("/sessions/skarv/messages", limit=1000)["data"]]
    ask.transcript("skarv", shown[:-1])
    ask.transcript("skarv", [*shown[:-2], ("user", "I am so happy that the lamp is lit! Were you afraid, Edvin?")])


@dataclass(frozen=True)
class Asking:
    """Says things to sessions of a server, as Nora."""

    server: ServerProcess

    def __call__(self, session: str, text: str) -> None:
        self.transcript(session, [("user", text)])

    def transcript(self, session: str, said: list[tuple[str, str]]) -> None:
        messages = [{"role": role, "content": text} for role, text in [("system", SKARV), *said]]
        self.server.post(f"/sessions/{session}/v1/chat/completions", {"model": "any", "messages": messages})


def settled(server: ServerProcess, session: str) -> None:
    """Waits until what a long import leaves to the background is done: every message read, and a summary written."""
    for _ in until(30):
        state = server.get(f"/sessions/{session}")
        read = server.get(f"/sessions/{session}/emotions")["data"]
        if state["summary"] is not None and len(read) == state["messages"]:
            return


def until(seconds: float) -> Iterator[None]:
    """Rounds of a loop that waits for something. Ends in failure."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        yield
        sleep(0.1)
    raise AssertionError("It did not happen in time.")
