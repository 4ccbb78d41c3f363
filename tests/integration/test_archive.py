"""An export is the session: imported elsewhere it has the same past, the same read models and the same replays."""

import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.budget import Shares
from domain.errors import InvalidRequest, NotFound
from domain.session import session_id
from projections.views import FILE_NAME
from tests.drawings import data_url, png, sha256, shown
from tests.harbour import HARBOUR, Answer, Lines, audit, exported, live_in, messages, replay, state, take, turns_in
from tests.system import OWNER, Rules, System, system

APART = {"session", "owner", "external_id", "position", "sequence", "chain", "lineage.origin", "spans.origin"}
"""Columns that say whose a session is, what it is called and where it lies in the log."""


@pytest.fixture
async def lived(tmp_path: Path) -> AsyncGenerator[System, None]:
    async with system(tmp_path / "lived", rules=Rules(window_messages=4, summarise_after=8)) as built:
        await live_in(built)
        yield built


async def test_an_export_tells_its_session_its_chain_and_every_event_and_vector(lived: System) -> None:
    header, *lines = await exported(lived)

    entry = lived.models.catalogue.get(OWNER, "harbour")
    assert entry is not None
    assert (header["heartline_export"], header["session_id"], header["version"]) == (1, "harbour", entry.version)
    assert header["chain"] == entry.chain
    events = [line for line in lines if "type" in line]
    assert [line["version"] for line in events] == list(range(1, entry.version + 1))
    assert events[1]["data"]["text"] == "I finally moved to Oslo, into a flat by the harbour."
    assert len(lines) - len(events) == lived.log.last_sequence()


async def test_an_export_of_another_owners_session_is_not_found(lived: System) -> None:
    with pytest.raises(NotFound):
        await exported(lived, owner="somebody")


@pytest.mark.parametrize(("owner", "name"), [(OWNER, "harbour"), ("somebody", "elsewhere")])
async def test_an_import_elsewhere_has_equal_events_read_models_and_replays(
    lived: System, tmp_path: Path, owner: str, name: str
) -> None:
    lines = await exported(lived)

    async with system(tmp_path / "there") as there:
        answer = await take(there, lines, name, owner)
        again = await exported(there, name, owner)
        replays = [await replay(there, turn, name, owner) for turn in turns_in(lines)]

    assert answer == {"session_id": name, "messages": 16, "version": lines[0]["version"]}
    assert again[2:] == lines[2:]
    assert replays == [await replay(lived, turn) for turn in turns_in(lines)]
    assert all(one["identical"] for one in replays)
    here = rows(tmp_path / "lived" / FILE_NAME, HARBOUR)
    assert rows(tmp_path / "there" / FILE_NAME, session_id(owner, name)) == here
    assert len(here["vectors"]) == lived.log.last_sequence()


def rows(file: Path, session: UUID) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the session in every table, but for the columns apart."""
    db = sqlite3.connect(file)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: dict[str, list[tuple[Any, ...]]] = {}
    for table in tables:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        told = [name for name in columns if not {name, f"{table}.{name}"} & APART] or ["count(*)"]
        if "session" in columns:
            query = f"SELECT {', '.join(told)} FROM {table} WHERE session = ?"
            found[table] = sorted(db.execute(query, (session.hex,)), key=repr)
    db.close()
    return found


async def test_an_import_beside_the_original_leaves_it_as_it_was(lived: System, tmp_path: Path) -> None:
    lines = await exported(lived)
    file, here = tmp_path / "lived" / FILE_NAME, HARBOUR
    before = rows(file, here)

    await take(lived, lines, "copy")

    copies = [await replay(lived, turn, "copy") for turn in turns_in(lines)]
    assert all(one["identical"] for one in copies)
    assert rows(file, here) == before
    assert rows(file, session_id(OWNER, "copy")) == before


async def test_an_imported_session_is_talked_on_with_all_it_remembers(lived: System, tmp_path: Path) -> None:
    lines = await exported(lived)
    rules = Rules(window_messages=1, shares=Shares(window=400, persona=20, recall=40, history=20, response=20))

    async with system(tmp_path / "there", rules=rules) as there:
        await take(there, lines, "harbour")
        (turn,) = await there.talk("harbour", "Did a fisherman find Pepper under a boat?")
        found = await audit(there, turn)

    assert found["candidates"][0]["text"] == "A fisherman found Pepper under a boat, and I love him for it!"


async def test_images_go_along_and_must_be_there(lived: System, tmp_path: Path) -> None:
    seen = [{"role": "user", "content": [shown(png(1)), {"type": "text", "text": "See?"}, shown(png(2))]}]
    await lived.archive.import_(OWNER, {"messages": seen}, "seen")
    lines = await exported(lived, "seen")

    async with system(tmp_path / "there") as there:
        await take(there, lines, "seen")
        kept = [there.log.read_image(sha256(png(shade))) for shade in (1, 2)]
        with pytest.raises(InvalidRequest, match="lacks the image"):
            await take(there, [line for line in lines if line.get("image") != data_url(png(2))], "less")
        with pytest.raises(InvalidRequest, match=r"Line 2: .*data URL"):
            await take(there, [lines[0], {"image": "http://example.org/a.png"}, *lines[1:]], "elsewhere")

    assert kept == [png(1), png(2)]


async def test_a_fork_is_exported_with_its_past_and_imported_as_one_session(lived: System, tmp_path: Path) -> None:
    parent = await lived.log.load(HARBOUR, 13)
    fork = parent.fork("fork")
    await lived.log.append(fork.id, 13, fork.collect())
    await lived.talk("fork", "Which way from here?")

    async with system(tmp_path / "there") as there:
        await take(there, await exported(lived, "fork"), "fork")
        found = await state(there, "fork")
        theirs = await messages(there, "fork")

    assert theirs == await messages(lived, "fork")
    assert (found["lineage"], found["messages"]) == ({"parent": None, "at": None, "forks": []}, 14)


async def test_an_open_turn_of_the_parent_is_no_turn_of_an_imported_fork(lived: System, tmp_path: Path) -> None:
    lines = await exported(lived)
    opened = next(n for n, line in enumerate(lines) if line.get("type") == "session.context-built")
    forked: Answer = {**lines[opened], "version": opened + 1, "type": "session.forked", "data": {}}
    forked_lines: Lines = [{**lines[0], "version": opened + 1}, *lines[1 : opened + 1], forked]

    async with system(tmp_path / "there") as there:
        await take(there, forked_lines, "fork")
        (turn,) = turns_in(forked_lines)
        found = await audit(there, turn, "fork")

    assert (found["status"], found["error"]["code"]) == ("failed", "abandoned")
