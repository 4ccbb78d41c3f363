"""The harbour conversation, which tests of sessions read, and how its answers are looked at.

Twelve messages of Robin (the user) and Maya, with dates: imported they are M2 to M13, their emotions stand behind them.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from api.services import Page
from domain.budget import Shares
from domain.messages import Instruction
from domain.records import JsonObject
from domain.session import session_id
from tests.system import OWNER, Rules, System, read, system

FILE: Final = Path(__file__).parent / "fixtures" / "harbour.json"
HARBOUR: Final = session_id(OWNER, "harbour")

NARROW: Final = Rules(window_messages=2, shares=Shares(window=400, persona=20, recall=40, history=20, response=20))
"""Of a window that shows two messages: all else is recalled."""

Answer = dict[str, Any]
Lines = list[Any]


def conversation() -> JsonObject:
    """The conversation as an import takes it."""
    return cast(JsonObject, json.loads(FILE.read_bytes()))


async def bring_in(built: System) -> None:
    """Import the conversation and do what the background would do about it."""
    await built.archive.import_(OWNER, conversation(), "harbour")
    await built.look_after("harbour")


@asynccontextmanager
async def talked_on(directory: Path, rules: Rules) -> AsyncGenerator[System]:
    """A system where two questions were asked behind the conversation, and the views have it all."""
    async with system(directory, rules=rules) as built:
        await bring_in(built)
        await built.talk("harbour", "What does my cat Pepper look like?", "Who helped me with the piano?")
        await built.follower.caught_up()
        yield built


async def live_in(built: System) -> None:
    """Bring the conversation in, talk on with a persona, and have it summarised if it is long enough for the rules."""
    await bring_in(built)
    persona = Instruction(role="system", text="You are Maya, a friend of few words.")
    await read(await built.ask("harbour", persona, built.said("I am so happy, happy! What was my cat called?")))
    await built.talk("harbour", "Who helped me with the piano?")
    await built.look_after("harbour")


async def state(built: System, session: str = "harbour", at: int | None = None) -> Answer:
    return cast(Answer, await built.sessions.state(OWNER, session, at=at))


async def audit(built: System, turn: str, session: str = "harbour", at: int | None = None) -> Answer:
    return cast(Answer, await built.sessions.turn(OWNER, session, turn, at=at))


async def replay(built: System, turn: str, session: str = "harbour", owner: str = OWNER) -> Answer:
    return cast(Answer, await built.sessions.replay(owner, session, turn))


async def messages(built: System, session: str = "harbour") -> list[Answer]:
    return data(await built.sessions.messages(OWNER, session, at=None, page=Page(limit=1000)))


async def exported(built: System, session: str = "harbour", owner: str = OWNER) -> Lines:
    """The lines of the session's export."""
    pieces = [piece async for piece in built.archive.export(owner, session)]
    return [json.loads(line) for line in b"".join(pieces).splitlines()]


async def take(built: System, lines: Lines, session: str, owner: str = OWNER) -> Answer:
    """Import lines."""
    return cast(Answer, await built.archive.import_(owner, {"lines": lines}, session))


def turns_in(lines: Lines) -> list[str]:
    """The turns that an export tells of."""
    return [line["data"]["turn"] for line in lines if line.get("type") == "session.context-built"]


def data(answer: JsonObject) -> list[Answer]:
    return cast("list[Answer]", answer["data"])


def versions(rows: list[Answer]) -> list[int]:
    return [row["version"] for row in rows]
