"""The search for the event after which a question no longer recalls what it should."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from api.services import Expectation
from domain.errors import InvalidRequest, NotFound
from domain.operations import Edit
from tests.harbour import HARBOUR, Answer, bring_in, exported
from tests.system import OWNER, System, system

PAW = "Which colour is the paw of Pepper?"
PEPPER = 8


@pytest.fixture
async def heartline(tmp_path: Path) -> AsyncGenerator[System]:
    async with system(tmp_path) as built:
        await bring_in(built)
        yield built


async def bisect(
    built: System, *, k: int = 1, version: int | None = None, text: str | None = None, query: str = PAW
) -> Answer:
    expected = Expectation(query=query, k=k, version=version, text=text)
    return cast(Answer, await built.reasons.bisect(OWNER, "harbour", expected))


async def drown(built: System) -> None:
    """Say what answers the question better than Pepper's description, between things that do not."""
    await built.talk("harbour", "It rains.", "Which colour is the paw of Pepper? Pepper paw colour.", "It is late.")
    await built.look_after("harbour")


async def test_what_is_still_recalled_was_not_lost(heartline: System) -> None:
    found = await bisect(heartline, version=PEPPER)

    assert (found["outcome"], found["lost_at"], found["expected"]) == ("recalled", None, [PEPPER])
    assert found["after"]["expected"]["rank"] == 1


@pytest.mark.parametrize("expected", [{"version": PEPPER}, {"text": "one white PAW"}])
async def test_the_event_that_pushed_a_memory_out_is_named(heartline: System, expected: dict[str, int | str]) -> None:
    before = await exported(heartline)
    await drown(heartline)
    lines = await exported(heartline)

    found = await bisect(
        heartline, version=cast("int | None", expected.get("version")), text=cast("str | None", expected.get("text"))
    )

    assert found["outcome"] == "lost"
    assert found["event"]["version"] == found["lost_at"]
    assert (found["event"]["type"], found["event"]["data"]["text"][:24]) == (
        "session.message-received",
        "Which colour is the paw ",
    )
    assert found["before"]["expected"]["rank"] == 1 < found["after"]["expected"]["rank"]
    assert found["instead"] == [found["lost_at"]]
    assert len(found["asked"]) <= 10 < found["head"]
    assert len(before) < len(lines)
    assert await exported(heartline) == lines


async def test_an_edit_that_takes_a_memory_off_the_path_is_the_event_to_blame(heartline: System) -> None:
    session = await heartline.log.load(HARBOUR)
    before = session.version
    session.receive(turn=None, operations=[Edit(PEPPER, "Black, with one white tail. Her name is Salt.")])
    await heartline.log.append(HARBOUR, before, session.collect())
    await heartline.talk("harbour", "Thank you.")

    found = await bisect(heartline, version=PEPPER, k=10)

    assert (found["outcome"], found["event"]["type"]) == ("lost", "session.path-changed")
    assert found["event"]["data"]["cause"] == "edit"
    assert found["before"]["expected"]["version"] == PEPPER
    assert found["after"]["expected"] is None


async def test_what_was_never_recalled_was_not_lost(tmp_path: Path) -> None:
    """A memory of other words, behind one that says all that is asked."""
    async with system(tmp_path) as built:
        lines = [{"role": "user", "content": text} for text in ("Pepper has a white paw.", "It rains.")]
        await built.archive.import_(OWNER, {"messages": lines}, "harbour")
        await built.look_after("harbour")

        found = await bisect(built, version=3, query="white paw of Pepper")

    assert (found["outcome"], found["lost_at"]) == ("never_recalled", None)


@pytest.mark.parametrize(
    ("expected", "param"),
    [({"version": 1}, "expect_version"), ({"version": 9_999}, "expect_version"), ({"text": "xylophone"}, "expect")],
)
async def test_what_the_session_never_held_is_refused(
    heartline: System, expected: dict[str, int | str], param: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await bisect(
            heartline,
            version=cast("int | None", expected.get("version")),
            text=cast("str | None", expected.get("text")),
        )

    assert refused.value.param == param


async def test_another_owners_session_is_not_found(heartline: System) -> None:
    with pytest.raises(NotFound):
        await heartline.reasons.bisect("bob", "harbour", Expectation(query=PAW, k=1, version=PEPPER))
