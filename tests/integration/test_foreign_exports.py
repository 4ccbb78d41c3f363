"""An export comes from a stranger: what cannot have happened is refused whole, and stops no view."""

import base64
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import InvalidRequest
from domain.session import session_id
from projections.token_vectors import projection
from tests.fakes_models import HashEncoder
from tests.harbour import Lines, audit, exported, live_in, take, turns_in
from tests.system import OWNER, Outside, Rules, System, system


@pytest.fixture
async def lived(tmp_path: Path) -> AsyncGenerator[System, None]:
    async with system(tmp_path / "lived", rules=Rules(window_messages=4, summarise_after=8)) as built:
        await live_in(built)
        yield built


def change(lines: Lines, type_: str, **fields: Any) -> Lines:
    """The lines with other data in the first event of a type."""
    place = next(n for n, line in enumerate(lines) if line.get("type") == f"session.{type_}")
    line = lines[place]
    return [*lines[:place], {**line, "data": {**line["data"], **fields}}, *lines[place + 1 :]]


def vector_at(lines: Lines, **fields: Any) -> Lines:
    place = next(n for n, line in enumerate(lines) if "vector" in line)
    return [*lines[:place], {**lines[place], **fields}, *lines[place + 1 :]]


def event_at(lines: Lines, version: int, **fields: Any) -> Lines:
    return [{**line, **fields} if line.get("version") == version and "type" in line else line for line in lines]


TAMPERED: dict[str, Callable[[Lines], Lines]] = {
    "unknown form": lambda lines: [{**lines[0], "heartline_export": 2}, *lines[1:]],
    "cut off": lambda lines: lines[:20],
    "no beginning": lambda lines: [lines[0], *lines[2:]],
    "two beginnings": lambda lines: [*lines[:2], {**lines[1], "version": 2}, *lines[3:]],
    "a version twice": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "not an object": lambda lines: [*lines[:3], 7, *lines[4:]],
    "neither event nor vector": lambda lines: [*lines[:3], {"version": 3}, *lines[4:]],
    "unknown type": lambda lines: event_at(lines, 3, type="os:system"),
    "no date": lambda lines: event_at(lines, 3, created="yesterday"),
    "date without offset": lambda lines: event_at(lines, 3, created="2025-01-01T00:00:00"),
    "date before all others": lambda lines: event_at(lines, 3, created="0001-01-01T00:00:00+05:00"),
    "said before all others": lambda lines: change(lines, "message-received", said_at="0001-01-01T00:00:00+05:00"),
    "newer form": lambda lines: change(lines, "message-received", class_version=3),
    "unknown field": lambda lines: change(lines, "message-received", colour="red"),
    "wrong field": lambda lines: change(lines, "message-received", text=7),
    "wrong role": lambda lines: change(lines, "message-received", role="robot"),
    "wrong said_at": lambda lines: change(lines, "message-received", said_at="soon"),
    "said_at without offset": lambda lines: change(lines, "message-received", said_at="2025-01-01"),
    "lone surrogate": lambda lines: change(lines, "message-received", text="\ud800"),
    "emotion of nothing": lambda lines: change(lines, "emotion-detected", of=999),
    "number too large": lambda lines: change(lines, "emotion-detected", of=2**63),
    "query unknown": lambda lines: change(lines, "context-built", query=999),
    "manifest odd": lambda lines: change(lines, "context-built", manifest=[{"role": "user"}]),
    "manifest of text": lambda lines: change(lines, "context-built", manifest=["Hello"]),
    "persona of nothing": lambda lines: change(lines, "persona-defined", instructions=[2]),
    "summary of nothing": lambda lines: change(lines, "summary-written", covers=[[2, 999]]),
    "summary of the world": lambda lines: change(lines, "summary-written", covers=[[2, 10**12]]),
    "range upside down": lambda lines: change(lines, "summary-written", covers=[[9, 2]]),
    "splice of nothing": lambda lines: splice(lines, [{"at": 0, "out": [[3, 3]], "in": []}]),
    "splice before the path": lambda lines: splice(lines, [{"at": -1, "out": [], "in": []}]),
    "splice without ranges": lambda lines: splice(lines, [{"at": 0}]),
    "edit of nothing": lambda lines: event_at(
        lines, 5, type="session.message-edited", data={"replaces": 77, "turn": None, "text": "A"}
    ),
    "erased": lambda lines: event_at(lines, 5, type="session.erased", data={"counts": {}}),
    "vector of nothing": lambda lines: vector_at(lines, version=999),
    "vector not base64": lambda lines: vector_at(lines, vector="??"),
    "vector of odd bytes": lambda lines: vector_at(lines, vector="AAAA"),
    "vector too short": lambda lines: vector_at(lines, vector="AAA="),
    "vector infinite": lambda lines: vector_at(lines, vector="AHw=", embedder="other"),
    "vector part odd": lambda lines: vector_at(lines, part="²"),
    "vector of no embedder": lambda lines: vector_at(lines, embedder=None),
}


def splice(lines: Lines, splices: list[Any]) -> Lines:
    return event_at(lines, 5, type="session.path-changed", data={"cause": "edit", "splices": splices})


@pytest.mark.parametrize("how", TAMPERED)
async def test_an_export_that_cannot_have_happened_is_refused_whole(lived: System, tmp_path: Path, how: str) -> None:
    lines = TAMPERED[how](await exported(lived))

    async with system(tmp_path / "there") as there:
        with pytest.raises(InvalidRequest):
            await take(there, lines, "harbour")

        assert there.log.last_position() == 0
        assert there.follower.status().healthy


async def test_a_header_alone_is_no_session(lived: System, tmp_path: Path) -> None:
    header, *_ = await exported(lived)

    async with system(tmp_path / "there") as there:
        with pytest.raises(InvalidRequest):
            await take(there, [{**header, "version": 0}], "harbour")


async def test_the_parameters_of_a_turn_may_be_any_json(lived: System, tmp_path: Path) -> None:
    parameters = {"temperature": 1, "stop": ["."], "response_format": {"type": "text"}, "seed": None}
    lines = change(await exported(lived), "context-built", parameters=parameters)

    async with system(tmp_path / "there") as there:
        await take(there, lines, "harbour")
        found = await audit(there, turns_in(lines)[0])

    assert found["parameters"] == parameters


async def test_an_export_of_before_details_were_kept_is_read(lived: System, tmp_path: Path) -> None:
    lines = [older(line) for line in await exported(lived)]

    async with system(tmp_path / "there") as there:
        await take(there, lines, "harbour")
        again = await exported(there)

    assert again[2:] == (await exported(lived))[2:]


def older(line: Any) -> Any:
    """The line as it was written when these events had their first form."""
    if line.get("type") not in ("session.started", "session.message-received"):
        return line
    data = {name: value for name, value in line["data"].items() if name not in ("details", "class_version")}
    return {**line, "data": data}


TOKENS = f"{HashEncoder().id}:{projection().name}"


async def test_token_vectors_that_are_cut_off_are_refused(lived: System, tmp_path: Path) -> None:
    lines = vector_at(await exported(lived), vector="AAAAAA==", embedder=TOKENS)

    async with system(tmp_path / "there", outside=Outside(projection=projection())) as there:
        with pytest.raises(InvalidRequest, match="cut off"):
            await take(there, lines, "harbour")


@pytest.mark.parametrize("embedder", [TOKENS, f"{HashEncoder().id}:of-another-projection"])
async def test_token_vectors_are_brought_in_byte_by_byte(lived: System, tmp_path: Path, embedder: str) -> None:
    packed = base64.b64encode(bytes(range(66))).decode()
    lines = vector_at(await exported(lived), vector=packed, embedder=embedder)

    async with system(tmp_path / "there", outside=Outside(projection=projection())) as there:
        await take(there, lines, "harbour")
        await there.follower.caught_up()

        (row,) = there.models.vectors.rows(session_id(OWNER, "harbour"), embedder)
        assert row.vector == bytes(range(66))
