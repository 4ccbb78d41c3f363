"""A version that there is not, a turn that failed, a session being written: asked over HTTP, told, nothing changed."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
import pytest

from api.ports import ModelFailed
from domain.errors import HeartlineError
from tests.fakes_models import ScriptedModel
from tests.owners import BOB, MIRA, client, owned_app
from tests.system import Outside, System, read, system

OWNER: Final = "mira"


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def heartline(tmp_path: Path, model: ScriptedModel) -> AsyncGenerator[System, None]:
    """`tea` has three turns; `branch` was forked from it behind the first."""
    async with system(tmp_path, outside=Outside(model=model)) as built:
        await built.talk("tea", "The kettle sings.", owner=OWNER)
        await built.branches.fork(OWNER, "tea", at=None, name="branch")
        await built.talk("tea", "The cat sleeps.", "The marmalade is hidden.", owner=OWNER)
        yield built


@pytest.fixture
async def http(heartline: System) -> AsyncGenerator[httpx2.AsyncClient, None]:
    async with client(owned_app(heartline), MIRA) as asking:
        yield asking


async def head(http: httpx2.AsyncClient, session: str) -> int:
    return (await http.get(f"/sessions/{session}")).raise_for_status().json()["version"]


async def first_turn(http: httpx2.AsyncClient) -> str:
    events = (await http.get("/sessions/tea/events")).json()["data"]
    return next(event["data"]["turn"] for event in events if event["type"] == "session.context-built")


async def ask(http: httpx2.AsyncClient, what: str, session: str, version: object) -> httpx2.Response:
    """Each question that names a version."""
    at = {"at": str(version)}
    match what:
        case "state":
            return await http.get(f"/sessions/{session}", params=at)
        case "messages" | "siblings" | "emotions" | "summaries":
            return await http.get(f"/sessions/{session}/{what}", params=at)
        case "recall":
            return await http.post(f"/sessions/{session}/recall", json={"query": "tea", "at": version})
        case "rewind":
            return await http.post(f"/sessions/{session}/rewind", json={"to": version})
        case "fork":
            return await http.post(f"/sessions/{session}/fork", json={"at": version, "as": "new"})
        case "carry":
            return await http.post("/sessions/tea/carry", json={"from": session, "version": version})
        case _:
            turn = await first_turn(http)
            return await http.get(f"/sessions/{session}/turns/{turn}/why-not", params={"version": str(version)})


QUESTIONS: Final = {
    "state": "at",
    "messages": "at",
    "siblings": "at",
    "emotions": "at",
    "summaries": "at",
    "recall": "at",
    "rewind": "to",
    "fork": "at",
    "carry": "version",
    "why-not": "version",
}
"""And what the version is called in each."""


@pytest.mark.parametrize("version", [0, -1, -(2**40), 10_000, 2**63 - 1, 2**63, "x", 1.5])
@pytest.mark.parametrize("what", QUESTIONS)
async def test_a_version_that_there_is_not_is_told_and_changes_nothing(
    heartline: System, http: httpx2.AsyncClient, what: str, version: object
) -> None:
    before = heartline.log.last_position()

    refused = await ask(http, what, "tea", version)

    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", QUESTIONS[what])
    assert error["message"]
    assert heartline.log.last_position() == before


@pytest.mark.parametrize("what", QUESTIONS)
async def test_a_version_that_only_the_forks_parent_has_is_none_of_the_fork(
    heartline: System, http: httpx2.AsyncClient, what: str
) -> None:
    before, own = heartline.log.last_position(), await head(http, "branch")
    later = await head(http, "tea")
    assert later > own

    refused = await ask(http, what, "branch", later)

    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == QUESTIONS[what]
    assert heartline.log.last_position() == before


async def test_a_version_before_the_fork_is_one_of_the_fork(http: httpx2.AsyncClient) -> None:
    for what in ("state", "messages", "recall", "fork", "rewind"):
        assert (await ask(http, what, "branch", 2)).status_code == 200, what


@pytest.mark.parametrize("what", QUESTIONS)
async def test_another_owner_learns_nothing_from_a_wrong_version(heartline: System, what: str) -> None:
    """A right one and a wrong one are answered alike."""
    app, before = owned_app(heartline), heartline.log.last_position()
    async with client(app, MIRA) as mira, client(app, BOB) as bob:
        turn = await first_turn(mira)
        if what == "why-not":
            told = [await bob.get(f"/sessions/tea/turns/{turn}/why-not?version={n}") for n in (2, 10_000)]
        else:
            told = [await ask(bob, what, "tea", version) for version in (2, 10_000)]

    assert [one.status_code for one in told] == [404, 404]
    assert told[0].json() == told[1].json()
    assert heartline.log.last_position() == before


# -- a turn that failed ------------------------------------------------------------------------------------------------


async def failed_turn(heartline: System, model: ScriptedModel) -> str:
    model.will("Hel", ModelFailed("The model broke down.", code="upstream_cut", status=502))
    answer = await heartline.ask("tea", heartline.said("Who hid it?"), owner=OWNER)
    with pytest.raises(HeartlineError):
        await read(answer)
    return answer.turn


async def test_a_failed_turn_is_replayed_and_asked_like_any_other(
    heartline: System, http: httpx2.AsyncClient, model: ScriptedModel
) -> None:
    turn = await failed_turn(heartline, model)

    replayed = (await http.post(f"/sessions/tea/turns/{turn}/replay")).json()
    imagined = await http.post(f"/sessions/tea/turns/{turn}/what-if", json={"top_k": 1})
    why = await http.get(f"/sessions/tea/turns/{turn}/why-not", params={"version": "2"})

    assert replayed["identical"] is True
    assert (imagined.status_code, why.status_code) == (200, 200)
    assert why.json()["turn_status"] == "failed"


async def test_a_session_is_led_to_and_from_a_failed_turn(
    heartline: System, http: httpx2.AsyncClient, model: ScriptedModel
) -> None:
    """As of the moment at which it was still open, too."""
    await failed_turn(heartline, model)
    failed = await head(http, "tea")

    forked = await http.post("/sessions/tea/fork", json={"at": failed - 1, "as": "open"})
    rewound = await http.post("/sessions/tea/rewind", json={"to": failed - 1})
    model.will("Well.")
    await heartline.talk("open", "Once more.", owner=OWNER)
    await heartline.talk("tea", "Once more.", owner=OWNER)

    assert (forked.status_code, rewound.status_code) == (200, 200)
    for session in ("open", "tea"):
        said = (await http.get(f"/sessions/{session}/messages")).json()["data"]
        assert [one["text"] for one in said if one["role"] == "user"][-2:] == ["Who hid it?", "Once more."]


# -- a session that is being written -----------------------------------------------------------------------------------


async def test_a_session_that_is_answering_is_read_forked_and_exported_as_it_stands(
    heartline: System, http: httpx2.AsyncClient, model: ScriptedModel
) -> None:
    gate = asyncio.Event()
    model.will("Wait", gate, " for it.")
    answer = await heartline.ask("tea", heartline.said("And then?"), owner=OWNER)
    reading = asyncio.create_task(read(answer))

    said = (await http.get("/sessions/tea/messages")).json()["data"]
    forked = await http.post("/sessions/tea/fork", json={"as": "meanwhile"})
    refused = await http.post("/sessions/tea/rewind", json={"to": 1})
    exported = (await http.get("/sessions/tea/export")).content
    chat = (await http.get("/sessions/tea/export", params={"format": "sillytavern"})).content

    gate.set()
    assert await reading == "Wait for it."
    assert said[-1]["text"] == "And then?"
    assert (forked.status_code, refused.status_code) == (200, 409)
    assert refused.json()["error"]["code"] == "turn_open"
    assert orjson.loads(chat.splitlines()[-1])["mes"] == "And then?"
    assert (await http.post("/sessions/import?id=copy", content=exported)).status_code == 200
    assert await last_of(http, "meanwhile") == await last_of(http, "copy") == "And then?"
    assert await last_of(http, "tea") == "Wait for it."


async def last_of(http: httpx2.AsyncClient, session: str) -> str:
    return (await http.get(f"/sessions/{session}/messages")).json()["data"][-1]["text"]


async def test_a_session_that_is_written_meanwhile_is_exported_whole(
    heartline: System, http: httpx2.AsyncClient
) -> None:
    """Up to the version that its header names, whatever is said while it is read."""
    exports: list[bytes] = []

    async def talk() -> None:
        await heartline.talk("tea", *(f"Line {number}." for number in range(15)), owner=OWNER)

    talking = asyncio.create_task(talk())
    while not talking.done():
        exports.append((await http.get("/sessions/tea/export")).content)
    await talking

    for number, exported in enumerate(exports):
        made = await http.post(f"/sessions/import?id=copy-{number}", content=exported)
        assert made.json()["version"] == orjson.loads(exported.splitlines()[0])["version"]


# -- an export that was cut --------------------------------------------------------------------------------------------


async def cut(http: httpx2.AsyncClient, exported: bytes, end: int) -> dict[str, Any]:
    refused = await http.post("/sessions/import?id=cut", content=exported[:end])
    assert refused.status_code == 400
    return refused.json()["error"]


async def test_an_export_that_was_cut_anywhere_in_its_events_is_refused_whole(
    heartline: System, http: httpx2.AsyncClient
) -> None:
    exported = (await http.get("/sessions/tea/export")).content
    before = heartline.log.last_position()
    lines = exported.splitlines(keepends=True)
    events = sum(len(line) for line in lines if b'"type"' in line[:40] or line is lines[0])

    for end in (len(lines[0]), len(lines[0]) + 20, events // 2, events - 2):
        assert (await cut(http, exported, end))["message"]

    told = await cut(http, exported, sum(map(len, lines[:4])))
    assert told["message"].startswith("The export is cut off: it has 3 events of ")
    assert heartline.log.last_position() == before
