"""How many sessions an owner may have. The ones there are go on."""

from pathlib import Path

import pytest

from api.access.refusals import TooManySessions
from api.errors import failure
from tests.owners import BOB, MIRA, client, owned_app
from tests.system import Rules, system

TWO = Rules(sessions=2)


async def test_one_session_more_than_allowed_is_refused_and_stores_nothing(tmp_path: Path) -> None:
    async with system(tmp_path, rules=TWO) as built:
        await built.talk("tea", "Hello")
        await built.talk("cake", "Hello")
        before = built.log.last_position()

        with pytest.raises(TooManySessions, match="You have 2 sessions"):
            await built.talk("jam", "Hello")

        assert built.log.last_position() == before
        assert len(await built.talk("tea", "Still here?")) == 1
        assert len(await built.talk("jam", "Hello", owner="bob")) == 1


async def test_an_import_counts_as_well(tmp_path: Path) -> None:
    async with system(tmp_path, rules=TWO) as built:
        app = owned_app(built)
        body = {"messages": [{"role": "user", "content": "Tea?"}]}
        async with client(app, MIRA) as mira, client(app, BOB) as bob:
            answered = [await mira.post("/sessions/import", json=body) for _ in range(3)]
            other = await bob.post("/sessions/import", json=body)

    assert [one.status_code for one in answered] == [200, 200, 403]
    assert answered[2].json()["error"]["code"] == "session_limit_exceeded"
    assert other.status_code == 200


def test_the_refusal_says_what_still_works() -> None:
    told = failure(TooManySessions("You have 2 sessions, which is the limit here. Go on in one of them."))

    assert (told.status, told.type, told.code) == (403, "invalid_request_error", "session_limit_exceeded")
