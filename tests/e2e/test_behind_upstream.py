"""A language model behind the server: what it says, how it fails, and what becomes of it when a client leaves."""

from collections.abc import Generator
from pathlib import Path
from time import monotonic

import openai
import pytest

from api.adapters.sqlite_log import SqliteEventLog
from domain.events import ReplyCompleted
from domain.session import session_id
from tests.e2e.talking import all_identical, ask, events, heard, messages, stream, until_stored, user
from tests.server_process import ServerProcess, started
from tests.upstream import FakeUpstream, cut, hanging, refusal, reply


@pytest.fixture(scope="module")
def upstream() -> Generator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Generator[ServerProcess]:
    with started(tmp_path_factory.mktemp("upstream"), **asking(upstream)) as server:
        yield server


def asking(upstream: FakeUpstream, **settings: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_MODEL": "fake-1", **settings}


def status_of_last_turn(server: ServerProcess, session: str) -> str:
    turn = next(e["data"]["turn"] for e in reversed(events(server, session)) if "turn" in e["data"])
    status: str = server.get(f"/sessions/{session}/turns/{turn}")["status"]
    return status


def test_a_stream_passes_through_and_its_usage_is_kept(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(reply("The mill ", "stands ", "by the weir."))

    with server.openai("passing") as client:
        got = heard(stream(client, "Where is the mill?", temperature=0.3))

    assert (got.text, got.finish_reason) == ("The mill stands by the weir.", "stop")
    assert got.usage is not None
    assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (21, 8)
    usage = server.get("/sessions/passing")["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["estimated"]) == (21, 8, False)
    assert upstream.requests[-1].body["temperature"] == 0.3
    assert upstream.requests[-1].body["messages"][-1]["content"] == "Where is the mill?"
    assert all_identical(server, "passing")


def test_the_upstream_is_shown_what_the_turn_says_it_was_shown(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(reply("Aye."))

    with server.openai("shown") as client:
        got = ask(client, [{"role": "system", "content": "You are Tam, a miller."}, *user("Is the flour ready?")])

    context = server.get(f"/sessions/shown/turns/{got.turn}")["context"]
    assert upstream.requests[-1].body["messages"] == context


def test_a_refusal_for_too_many_requests_keeps_its_status(server: ServerProcess, upstream: FakeUpstream) -> None:
    # Longer than the server itself would wait for.
    upstream.will(refusal(429, headers={"Retry-After": "40"}))

    with server.openai("busy") as client, pytest.raises(openai.RateLimitError) as refused:
        stream(client, "Are you there?")

    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["retry-after"] == "40"
    assert messages(server, "busy") == [("user", "Are you there?")]
    assert status_of_last_turn(server, "busy") == "failed"

    upstream.will(reply("Now I am."))
    with server.openai("busy") as client:
        ask(client, "Are you there?")
    assert messages(server, "busy") == [("user", "Are you there?"), ("assistant", "Now I am.")]


def test_an_upstream_that_breaks_off_is_an_error_in_the_stream(server: ServerProcess, upstream: FakeUpstream) -> None:
    upstream.will(cut("Once upon ", "a "))

    with server.openai("broken") as client, stream(client, "Tell me a story.") as opened:
        said = [choice.delta.content for choice in next(opened).choices]
        with pytest.raises(openai.APIError) as broken:
            said += [choice.delta.content for chunk in opened for choice in chunk.choices]
    assert broken.value.code == "upstream_cut"

    body = {"messages": user("Go on."), "stream": True}
    frames = server.http.post("/sessions/broken/v1/chat/completions", json=body).text.split("\n\n")
    assert '"upstream_cut"' in frames[-3]
    assert frames[-2:] == ["data: [DONE]", ""]
    assert messages(server, "broken") == [("user", "Tell me a story."), ("user", "Go on.")]
    assert status_of_last_turn(server, "broken") == "failed"


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_leaves_frees_the_upstream(server: ServerProcess, upstream: FakeUpstream, streamed: bool) -> None:
    session = f"leaving-{streamed}"
    upstream.will(hanging("Well, ", "let me "))

    with server.openai(session) as client:
        if streamed:
            with stream(client, "What do you think?") as opened:
                said = ""
                while said != "Well, let me ":
                    said += "".join(choice.delta.content or "" for choice in next(opened).choices)
        else:
            with pytest.raises(openai.APITimeoutError):
                ask(client.with_options(timeout=1), "What do you think?")

    assert upstream.requests[-1].hung_up.wait(1)
    until_stored(server, session, 2)
    assert messages(server, session) == [("user", "What do you think?"), ("assistant", "Well, let me ")]
    (completed,) = [event for event in events(server, session) if event["type"] == "session.reply-completed"]
    assert completed["data"]["finish_reason"] == "cancelled"
    assert all_identical(server, session)


async def test_sigterm_ends_open_streams_within_the_grace(tmp_path: Path, upstream: FakeUpstream) -> None:
    settings = asking(upstream, SHUTDOWN_GRACE_SECONDS="2")
    with started(tmp_path, **settings) as server, server.openai("short") as short, server.openai("long") as long:
        upstream.will(hanging("And then ", "she "))
        endless = stream(long, "What happened then?")
        upstream.will(reply(*["tick "] * 20, gap=0.05))
        ending = stream(short, "What does the clock say?")
        server.begin_to_stop()
        begun = monotonic()
        (whole, after_short), (rest, after_long) = [(heard(one), monotonic() - begun) for one in (ending, endless)]
        server.process.wait(10)

    assert (whole.finish_reason, whole.text) == ("stop", "tick " * 20)
    assert after_short < 2
    assert (rest.finish_reason, rest.text) == ("length", "And then she ")
    assert 1.5 < after_long < 3
    assert server.process.returncode == 0
    log = SqliteEventLog(tmp_path / "data" / "events.sqlite")
    assert [_reply(log, "short"), _reply(log, "long")] == [
        ("stop", "tick " * 20),
        ("cancelled", "And then she "),
    ]
    await log.close()


def _reply(log: SqliteEventLog, session: str) -> tuple[str, str]:
    (reply,) = [
        logged.event
        for logged in log.read_session(session_id("local", session), 0, 100)
        if isinstance(logged.event, ReplyCompleted)
    ]
    return reply.finish_reason, reply.text
