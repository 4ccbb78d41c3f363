"""What is not a reply: models, embeddings, health, and the session routes that read."""

import threading
from collections.abc import Generator, Sequence
from typing import Any, cast

import httpx2
import openai
import orjson
import pytest

from api.app import create_app
from domain.errors import Unavailable
from domain.records import JsonObject
from tests.fakes_http import FakeModel, FakeSessions, fake_services
from tests.serving import Served, serving

PAGE = "http://localhost:3000"


@pytest.fixture(scope="module")
def served() -> Generator[Served]:
    with serving(create_app(fake_services())) as running:
        yield running


@pytest.fixture
def http(served: Served) -> Generator[httpx2.Client]:
    with httpx2.Client(base_url=served.url, timeout=20) as client:
        yield client


@pytest.fixture(params=["/v1", "/sessions/tea/v1"])
def client(served: Served, request: pytest.FixtureRequest) -> Generator[openai.OpenAI]:
    path: str = request.param
    with openai.OpenAI(base_url=served.url + path, api_key="none", max_retries=0) as made:
        yield made


# -- OpenAI's ----------------------------------------------------------------------------------------------------------


def test_models_are_listed(client: openai.OpenAI) -> None:
    models = client.models.list().data

    assert [(model.id, model.owned_by) for model in models] == [
        ("fake-1", "offline"),
        ("makers/fake-2", "offline"),
        ("heartline-embedding", "heartline"),
    ]


@pytest.mark.parametrize("listed", [None, ["other-1"]])
def test_the_default_may_be_named_even_where_its_provider_does_not_list_it(listed: list[str] | None) -> None:
    with (
        serving(create_app(fake_services(model=FakeModel(listed)))) as running,
        openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client,
    ):
        names = [model.id for model in client.models.list()]

    assert names == ["fake-1", *(listed or []), "heartline-embedding"]


@pytest.mark.parametrize("name", ["fake-1", "makers/fake-2", "heartline-embedding", "letters@1"])
def test_a_model_is_found_by_its_name(client: openai.OpenAI, name: str) -> None:
    assert client.models.retrieve(name).id == name


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody")

    assert caught.value.code == "model_not_found"


def test_embeddings_come_as_the_client_likes_them(client: openai.OpenAI) -> None:
    # The client asks for base64 unless told otherwise.
    packed = client.embeddings.create(model="heartline-embedding", input=["a", "a\nb c"])
    plain = client.embeddings.create(model="letters@1", input="a", encoding_format="float", dimensions=2)

    assert [item.embedding for item in packed.data] == [[1, 0], pytest.approx([0.5**0.5, 0.5**0.5])]
    assert [item.index for item in packed.data] == [0, 1]
    assert (packed.usage.total_tokens, packed.model) == (4, "heartline-embedding")
    assert (plain.data[0].embedding, plain.model) == ([1, 0], "letters@1")


def test_embeddings_of_another_model_do_not_exist(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="text-embedding-3-small", input="a")

    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("fields", [{"dimensions": 3}, {"input": ""}, {"input": []}, {"input": [1, 2]}])
def test_embeddings_that_cannot_be(http: httpx2.Client, fields: dict[str, Any]) -> None:
    response = http.post("/v1/embeddings", json={"model": "heartline-embedding", "input": "a", **fields})

    assert (response.status_code, response.json()["error"]["param"][:5]) == (400, next(iter(fields))[:5])


# -- our own -----------------------------------------------------------------------------------------------------------


def test_a_server_that_is_well_says_so(http: httpx2.Client) -> None:
    response = http.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_server_that_is_not_well_says_so() -> None:
    with serving(create_app(fake_services(health={"status": "unavailable", "view": "lexicon"}))) as served:
        response = httpx2.get(f"{served.url}/health")

    assert (response.status_code, response.json()["view"]) == (503, "lexicon")


def test_the_root_tells_where_to_point_a_client(http: httpx2.Client) -> None:
    assert http.get("/").json()["openai_base_url"] == "http://heartline.test/v1"


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("/sessions/tea", {"id": "tea", "at": None}),
        ("/sessions/tea?at=2", {"id": "tea", "at": 2}),
        ("/sessions/tea/turns/t1?at=1", {"id": "t1", "at": 1}),
        ("/sessions/tea/turns/chatcmpl-t1", {"id": "t1", "at": None}),
        ("/sessions/tea/turns/cmpl-t1", {"id": "t1", "at": None}),
    ],
)
def test_a_resource_is_read_as_of_a_version(http: httpx2.Client, url: str, answer: dict[str, Any]) -> None:
    assert http.get(url).json() == answer


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("/sessions", [{"id": "tea", "owner": "local", "limit": 100, "after": None, "search": None}]),
        (
            "/sessions?limit=5&after=a%20b",
            [{"id": "tea", "owner": "local", "limit": 5, "after": "a b", "search": None}],
        ),
        (
            "/sessions?search=+mara&limit=5",
            [{"id": "tea", "owner": "local", "limit": 5, "after": None, "search": "mara"}],
        ),
        ("/usage", [{"owner": "local", "days": 30}]),
        ("/usage?days=7", [{"owner": "local", "days": 7}]),
        ("/sessions/tea/events", [{"version": 1, "type": "a"}, {"version": 2, "type": "b"}]),
        ("/sessions/tea/events?after=1", [{"version": 2, "type": "b"}]),
        ("/sessions/tea/messages?at=7&limit=9&after=3", [{"at": 7, "limit": 9, "after": 3, "offset": 0}]),
        ("/sessions/tea/messages?limit=9&offset=40", [{"at": None, "limit": 9, "after": 0, "offset": 40}]),
        ("/sessions/tea/siblings?at=7", [{"text": "Coffee.", "at": 7}]),
        ("/sessions/tea/emotions?at=7", [{"label": "joy", "at": 7}]),
        ("/sessions/tea/summaries", [{"text": "Tea.", "at": None}]),
    ],
)
def test_a_list_has_openais_shape(http: httpx2.Client, url: str, data: list[Any]) -> None:
    assert http.get(url).json() == {"object": "list", "data": data, "has_more": False}


def test_a_page_of_events_says_that_there_are_more(http: httpx2.Client) -> None:
    assert http.get("/sessions/tea/events?limit=1").json()["has_more"] is True


def test_a_turn_is_replayed(http: httpx2.Client) -> None:
    assert http.post("/sessions/tea/turns/chatcmpl-t1/replay").json() == {"identical": True, "turn": "t1"}


def test_why_not_is_asked_of_a_turn_and_a_version(http: httpx2.Client) -> None:
    asked = http.get("/sessions/tea/turns/chatcmpl-t1/why-not?version=7")

    assert asked.json() == {"owner": "local", "session": "tea", "turn": "t1", "version": 7}


@pytest.mark.parametrize("query", ["", "?version=0", "?version=-1", "?version=two", "?version=1.5"])
def test_why_not_without_a_version_is_refused(http: httpx2.Client, query: str) -> None:
    refused = http.get(f"/sessions/tea/turns/t1/why-not{query}")

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "version")


def test_what_if_is_asked_with_any_of_its_rules(http: httpx2.Client) -> None:
    rules = {"policy": "cosine", "top_k": 3, "budget": 2048}

    for asked in (rules, {}):
        answered = http.post("/sessions/tea/turns/t1/what-if", json=asked).json()

        assert {name: answered[name] for name in rules} == {**dict.fromkeys(rules), **asked}


def test_recall_is_asked(http: httpx2.Client) -> None:
    question = {"query": "tea?", "k": 3, "at": 2, "filters": {"role": "user"}}

    assert http.post("/sessions/tea/recall", json=question).json()["data"] == [question]


def test_an_export_is_jsonl(http: httpx2.Client) -> None:
    response = http.get("/sessions/tea/export")

    assert response.headers["content-type"] == "application/x-ndjson"
    assert [orjson.loads(line) for line in response.text.splitlines()] == [{"version": 1}, {"version": 2}]


def test_a_chat_file_is_jsonl_too(http: httpx2.Client) -> None:
    response = http.get("/sessions/tea/export", params={"format": "sillytavern"})

    assert response.headers["content-type"].startswith("application/x-ndjson")
    assert orjson.loads(response.content) == {"user_name": "Robin", "character_name": "Mira"}


def test_another_format_is_refused(http: httpx2.Client) -> None:
    refused = http.get("/sessions/tea/export", params={"format": "pdf"})

    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "format"
    assert "heartline or sillytavern" in refused.json()["error"]["message"]


def test_an_import_takes_messages_or_lines_and_a_name() -> None:
    sessions = FakeSessions()

    with serving(create_app(fake_services(sessions=sessions))) as served, httpx2.Client(base_url=served.url) as http:
        assert http.post("/sessions/import?id=%20tea", json={"messages": []}).json() == {"id": "tea"}
        assert http.post("/sessions/import", content=b'{"a":1}\n{"b":2}\n').json() == {"id": "new"}

    (first, second) = sessions.imported
    assert first == ({"messages": []}, "tea")
    assert (list(cast("Sequence[JsonObject]", second[0]["lines"])), second[1]) == ([{"a": 1}, {"b": 2}], None)


def test_a_followed_session_tells_new_events_as_they_come() -> None:
    sessions = FakeSessions()
    third = cast(JsonObject, {"version": 3, "type": "c"})

    with serving(create_app(fake_services(sessions=sessions))) as served:
        url = f"{served.url}/sessions/tea/events?after=1&follow=true"
        with httpx2.stream("GET", url, timeout=20) as response:
            lines = (line for line in response.iter_lines() if line)
            first = [next(lines), next(lines)]
            threading.Timer(0.05, lambda: sessions.happened.append(third)).start()
            second = [next(lines), next(lines)]

    assert response.headers["content-type"].startswith("text/event-stream")
    assert [first[0], second[0]] == ["id: 2", "id: 3"]
    assert [orjson.loads(line.removeprefix("data: "))["version"] for _, line in (first, second)] == [2, 3]


@pytest.mark.parametrize(("query", "header", "expected"), [("", "0", 1), ("", "1", 2), ("&after=0", "1", 2)])
def test_a_browser_that_comes_back_goes_on_behind_what_it_saw(
    http: httpx2.Client, query: str, header: str, expected: int
) -> None:
    url, headers = f"/sessions/tea/events?follow=true{query}", {"Last-Event-ID": header}

    with http.stream("GET", url, headers=headers) as response:
        assert next(response.iter_lines()) == f"id: {expected}"


@pytest.mark.parametrize("header", ["", "x", "-1", "1.5", "9" * 19])
def test_what_cannot_have_been_seen_last_is_refused(http: httpx2.Client, header: str) -> None:
    refused = http.get("/sessions/tea/events?follow=true", headers={"Last-Event-ID": header})

    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "Last-Event-ID"


def test_a_followed_session_that_fails_tells_its_error() -> None:
    sessions = FakeSessions(broken=Unavailable("The log is gone."))

    with serving(create_app(fake_services(sessions=sessions))) as served:
        body = httpx2.get(f"{served.url}/sessions/tea/events?follow=true", timeout=20).text

    *_, last = body.strip().split("\n\n")
    assert orjson.loads(last.removeprefix("data: "))["error"]["code"] == "unavailable"


async def test_an_application_built_twice_shares_nothing() -> None:
    one, other = fake_services(), fake_services()
    for services in (one, other):
        create_app(services)

    one.shutdown.begin(0)

    assert one.shutdown.begun
    assert not other.shutdown.begun


# -- pages of other origins --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared() -> Generator[httpx2.Client]:
    """A server that one web page may call."""
    with serving(create_app(fake_services(), [PAGE])) as served, httpx2.Client(base_url=served.url) as client:
        yield client


def test_a_page_that_may_call_us_is_told_so(shared: httpx2.Client) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization, content-type, x-session-id"

    allowed = shared.options("/v1/chat/completions", headers=asked)

    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "x-session-id" in allowed.headers["access-control-allow-headers"]


@pytest.mark.parametrize("url", ["/v1/models", "/v1/models/nobody"])
def test_a_page_that_may_call_us_reads_answers_and_errors(shared: httpx2.Client, url: str) -> None:
    answer = shared.get(url, headers={"Origin": PAGE})

    assert answer.headers["access-control-allow-origin"] == PAGE
    assert {"X-Session-ID", "X-Turn-ID", "X-Heartline-Warning"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )
    assert answer.headers["x-request-id"]


def test_other_pages_may_not_call_us(shared: httpx2.Client, http: httpx2.Client) -> None:
    other = shared.get("/v1/models", headers={"Origin": "http://elsewhere.example"})
    unset = http.get("/v1/models", headers={"Origin": PAGE})

    assert "access-control-allow-origin" not in {*other.headers, *unset.headers}
