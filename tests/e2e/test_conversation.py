"""A conversation by the official SDK: it is remembered beyond the window and beyond the server's end."""

from pathlib import Path
from typing import Any

import pytest

from tests.drawings import png, shown
from tests.e2e.talking import all_identical, ask, heard, messages, stream
from tests.server_process import ServerProcess, started

FACT = "My grandmother's sailing boat is called Marguerite and lies in Bergen."
SMALL_TALK = [
    f"On {day} the tomatoes on the balcony ripened a little more, since it rained before noon and the afternoon was "
    "warm; a parcel came for the neighbours, and nobody knew whose handwriting was on the label; in the evening the "
    "choir sang in the old brewery, because the hall is being painted, and the tram home was late as it always is."
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
]
QUESTION = "What is my grandmother's sailing boat called?"


def test_it_remembers_after_a_restart_what_the_window_no_longer_shows(tmp_path: Path) -> None:
    with started(tmp_path, CONTEXT_WINDOW_TOKENS="512") as server, server.openai("gran") as client:
        replies = [ask(client, FACT).text, heard(stream(client, SMALL_TALK[0])).text]
        replies += [ask(client, text, max_tokens=9).text for text in SMALL_TALK[1:]]
        said = messages(server, "gran")

    with started(tmp_path, CONTEXT_WINDOW_TOKENS="512") as server:
        assert messages(server, "gran") == said
        with server.openai("gran") as client:
            reply = heard(stream(client, QUESTION))

        assert [text for role, text in said if role == "user"] == [FACT, *SMALL_TALK]
        assert [text for role, text in said if role == "assistant"] == replies
        assert "Marguerite and lies in Bergen" in reply.text
        audit = server.get(f"/sessions/gran/turns/{reply.turn}")
        (found,) = [one for one in audit["candidates"] if one["text"] == FACT]
        assert found["verdict"] == "kept"
        shown = [message["content"] for message in audit["context"]]
        assert FACT not in shown
        assert sum(FACT in content for content in shown) == 1
        assert all_identical(server, "gran")


def test_a_stream_ends_with_its_reason_its_usage_and_done(server: ServerProcess) -> None:
    with server.openai("ending") as client, stream(client, "The lamp in the hall flickers.") as opened:
        reply = heard(opened)

    assert reply.finish_reason == "stop"
    assert reply.id == f"chatcmpl-{reply.turn}"
    assert reply.usage is not None
    assert reply.usage.completion_tokens > 0
    body = {"messages": [{"role": "user", "content": "Is it still flickering?"}], "stream": True}
    raw = server.http.post("/sessions/ending/v1/chat/completions", json=body)
    assert raw.text.endswith("data: [DONE]\n\n")


def test_the_turn_of_a_reply_is_found_by_the_id_of_the_completion(server: ServerProcess) -> None:
    with server.openai("by-id") as client:
        reply = ask(client, "There is a hedgehog under the woodpile.")

    audit = server.get(f"/sessions/by-id/turns/{reply.id}")
    assert audit["id"] == reply.turn
    assert audit["status"] == "completed"
    assert {"parse", "encode", "append", "first_token", "total"} <= audit["timings_ms"].keys()


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "look"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": [{"role": "user", "content": [shown(png())]}]}, "messages"),
    ],
    ids=["tools", "format", "image"],
)
def test_what_no_language_model_can_do_is_refused_and_stores_nothing(
    server: ServerProcess, asked: dict[str, Any], param: str
) -> None:
    body = {"messages": [{"role": "user", "content": "Look around."}], **asked}

    refused = server.http.post(f"/sessions/cannot-{param}/v1/chat/completions", json=body)

    assert refused.status_code == 400
    assert (refused.json()["error"]["param"], refused.json()["error"]["code"]) == (param, "unsupported_parameter")
    assert server.http.get(f"/sessions/cannot-{param}").status_code == 404


def test_models_are_listed(server: ServerProcess) -> None:
    with server.openai() as client:
        assert [model.id for model in client.models.list()] == ["heartline-offline", "heartline-embedding"]
        assert client.models.retrieve("heartline-offline").id == "heartline-offline"


def test_embeddings_tell_what_is_alike(server: ServerProcess) -> None:
    texts = ["A cat sleeps on the warm stove.", "The kitten naps by the oven.", "Quarterly taxes are due in May."]
    with server.openai() as client:
        made = client.embeddings.create(model="heartline-embedding", input=texts)
        as_floats = client.embeddings.create(model="heartline-embedding", input=texts[0], encoding_format="float")

    cat, kitten, taxes = (one.embedding for one in made.data)
    assert len(cat) == 384
    assert _cosine(cat, cat) == pytest.approx(1, abs=0.001)
    assert _cosine(cat, kitten) > _cosine(cat, taxes) + 0.3
    assert _cosine(as_floats.data[0].embedding, cat) == pytest.approx(1, abs=0.001)


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("streamed", [False, True])
def test_legacy_completions_are_turns_as_well(server: ServerProcess, streamed: bool) -> None:
    session = f"legacy-{streamed}"
    with server.openai(session) as client:
        made: Any = client.completions.create(model="any", prompt="The tide turns at noon.", stream=streamed)
        text = "".join(chunk.choices[0].text for chunk in made) if streamed else made.choices[0].text

    assert messages(server, session) == [("user", "The tide turns at noon."), ("assistant", text)]
    assert all_identical(server, session)
