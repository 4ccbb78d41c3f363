"""Gemini behind the server, by each of Google's SDKs: what it says, what it withholds, and a client that leaves."""

import importlib.util
from collections.abc import Generator

import pytest

from tests.e2e.talking import all_identical, ask, events, heard, messages, stream, until_stored
from tests.gemini_upstream import FakeGemini, hanging, reply, withheld
from tests.server_process import ServerProcess, started

SDKS = [
    "gemini",
    pytest.param(
        "google-generativeai",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("google.api_core") is None, reason="the extra google-generativeai is not installed"
        ),
    ),
]


@pytest.fixture(scope="module")
def google() -> Generator[FakeGemini]:
    with FakeGemini() as google:
        yield google


@pytest.fixture(scope="module", params=SDKS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, google: FakeGemini
) -> Generator[ServerProcess]:
    settings = {
        "MODEL_PROVIDER": str(request.param),
        "GEMINI_API_KEY": "AIza-secret",
        "GEMINI_BASE_URL": google.base_url,
        "GEMINI_MODEL": "gemini-3.5-flash-lite",
    }
    with started(tmp_path_factory.mktemp("gemini"), **settings) as server:
        yield server


def test_a_reply_streams_and_its_cost_is_known(server: ServerProcess, google: FakeGemini) -> None:
    google.will(reply("The mill ", "stands ", "by the weir.", model="gemini-3.5-flash-lite"))

    with server.openai("passing") as client:
        got = heard(stream(client, "Where is the mill?", temperature=0.3))

    assert (got.text, got.finish_reason) == ("The mill stands by the weir.", "stop")
    usage = server.get("/sessions/passing")["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["cached_tokens"]) == (21, 8, 4)
    assert usage["estimated_cost_usd"] == pytest.approx((17 * 0.3 + 4 * 0.03 + 8 * 2.5) / 1e6)
    assert google.requests[-1].body["contents"][-1]["parts"][-1] == {"text": "Where is the mill?"}
    assert all_identical(server, "passing")


def test_the_models_are_googles(server: ServerProcess) -> None:
    listed = [model["id"] for model in server.get("/v1/models")["data"]]

    assert listed[:3] == ["gemini-3.5-flash-lite", "fake-1", "fake-2"]
    assert server.get("/health")["model"]["provider"].startswith("g")


def test_what_was_said_before_google_broke_off_is_kept(server: ServerProcess, google: FakeGemini) -> None:
    google.will(withheld("It was ", "a dark "))

    with server.openai("withheld") as client:
        got = ask(client, "Tell me a story.")

    assert (got.text, got.finish_reason) == ("It was a dark ", "content_filter")
    assert messages(server, "withheld")[-1] == ("assistant", "It was a dark ")


def test_a_reply_that_was_withheld_whole_leaves_no_empty_memory(server: ServerProcess, google: FakeGemini) -> None:
    google.will(withheld())

    with server.openai("blocked") as client:
        got = ask(client, "Tell me a story.")

    assert (got.text, got.finish_reason) == ("", "content_filter")
    assert messages(server, "blocked") == [("user", "Tell me a story.")]


def test_a_client_that_leaves_frees_the_upstream(server: ServerProcess, google: FakeGemini) -> None:
    google.will(hanging("Well, ", "let me "))

    with server.openai("leaving") as client, stream(client, "What do you think?") as opened:
        said = ""
        while said != "Well, let me ":
            said += "".join(choice.delta.content or "" for choice in next(opened).choices)

    assert google.requests[-1].hung_up.wait(1)
    until_stored(server, "leaving", 2)
    assert messages(server, "leaving")[-1] == ("assistant", "Well, let me ")
    (completed,) = [event for event in events(server, "leaving") if event["type"] == "session.reply-completed"]
    assert completed["data"]["finish_reason"] == "cancelled"
