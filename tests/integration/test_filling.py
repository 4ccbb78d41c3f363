"""The vectors of another embedder, made beside a system that goes on by its own."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from api.adapters.turn_locks import FileTurnLocks
from api.aftercare.filling import Filled, Filling
from api.aftercare.missing import BATCH, MissingVectors
from api.ports import Encoding
from api.services import RecallQuestion
from domain.errors import Unavailable
from domain.messages import Instruction
from domain.records import Json
from domain.session import session_id
from projections.token_vectors import projection
from tests.fakes_models import HashEncoder, WithTokens
from tests.harbour import HARBOUR, bring_in, exported, live_in
from tests.system import OWNER, Outside, System, read, system
from tests.turn_fakes import FlakyEncoder

PIANO = RecallQuestion(query="Who helped me with the piano?", k=5, at=None, filters={})


class Halting(HashEncoder):
    """Another model, which never answers again once it has encoded `texts_until` texts."""

    def __init__(self, texts_until: int) -> None:
        super().__init__(dimensions=32)
        self._until = texts_until
        self.halted = asyncio.Event()

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        if len(self.texts) >= self._until:
            self.halted.set()
            await asyncio.Event().wait()
        return await super().encode(texts)


@pytest.fixture
async def heartline(tmp_path: Path) -> AsyncGenerator[System]:
    async with system(tmp_path) as built:
        await live_in(built)
        await built.follower.caught_up()
        yield built


@pytest.fixture
def locks(tmp_path: Path) -> Generator[FileTurnLocks]:
    with closing(FileTurnLocks(tmp_path / "other.lock")) as own:
        yield own


@pytest.fixture
def other() -> HashEncoder:
    return HashEncoder(dimensions=32)


def missing_of(built: System, encoder: HashEncoder) -> MissingVectors:
    return MissingVectors(log=built.log, remembered=built.remembered, perception=built.perception.by(encoder))


async def fill(built: System, encoder: HashEncoder, locks: FileTurnLocks) -> Filled:
    filling = Filling(missing=missing_of(built, encoder), follower=built.follower, locks=locks)
    return await filling.fill(lambda done, of: None)


async def bring_in_more(built: System, count: int) -> None:
    messages: list[Json] = [{"role": "user", "text": f"Message {number}"} for number in range(count)]
    await built.archive.import_(OWNER, {"messages": messages}, "more")
    await built.look_after("more")


async def recalled(built: System) -> object:
    found = await built.sessions.recall(OWNER, "harbour", PIANO)
    return found["data"], found["embedder"]


# -- what it does ------------------------------------------------------------------------------------------------------


async def test_every_text_gets_its_vector_once_and_nothing_else_changes(
    heartline: System, other: HashEncoder, locks: FileTurnLocks
) -> None:
    lacking = heartline.models.vectors.lacking(HARBOUR, other.id)
    before, position = await recalled(heartline), heartline.log.last_position()

    filled = await fill(heartline, other, locks)

    assert filled == Filled(encoded=len(lacking), left=0)
    assert heartline.models.vectors.lacking(HARBOUR, other.id) == []
    assert await recalled(heartline) == before
    assert heartline.log.last_position() == position
    other.texts.clear()
    assert await fill(heartline, other, locks) == Filled(encoded=0, left=0)
    assert other.texts == []


async def test_what_it_makes_is_what_a_server_by_that_model_would_have_made(
    tmp_path: Path, heartline: System, other: HashEncoder, locks: FileTurnLocks
) -> None:
    await fill(heartline, other, locks)

    async with system(tmp_path / "theirs", outside=Outside(encoder=HashEncoder(dimensions=32))) as theirs:
        await live_in(theirs)
        await theirs.follower.caught_up()
        made = vectors(theirs, other)

    assert vectors(heartline, other) == made
    assert "query" in {part for _, part in made}


def vectors(built: System, encoder: HashEncoder) -> dict[tuple[int, str], bytes]:
    rows = built.models.vectors.rows(HARBOUR, encoder.id)
    return {(row.version, row.part): row.vector for row in rows}


async def test_a_run_that_was_cut_is_gone_on_with(heartline: System, locks: FileTurnLocks) -> None:
    await bring_in_more(heartline, BATCH * 3)
    halting = Halting(BATCH + 1)
    running = asyncio.create_task(fill(heartline, halting, locks))
    await halting.halted.wait()
    running.cancel()
    await asyncio.wait([running])
    done = len(halting.texts)

    other = HashEncoder(dimensions=32)
    before = await recalled(heartline)
    filled = await fill(heartline, other, locks)

    assert not set(halting.texts) & set(other.texts)
    assert done > BATCH
    assert filled.left == 0
    assert await recalled(heartline) == before


async def test_progress_counts_texts_of_all_sessions(
    heartline: System, other: HashEncoder, locks: FileTurnLocks
) -> None:
    await bring_in_more(heartline, BATCH + 5)
    told: list[tuple[int, int]] = []
    filling = Filling(missing=missing_of(heartline, other), follower=heartline.follower, locks=locks)

    filled = await filling.fill(lambda done, of: told.append((done, of)))

    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {of for _, of in told} == {filled.encoded} == {told[-1][0]}


async def test_token_vectors_are_made_where_they_are_kept(tmp_path: Path, locks: FileTurnLocks) -> None:
    outside = Outside(encoder=WithTokens(), projection=projection())
    other = WithTokens(dimensions=32)
    async with system(tmp_path, outside=outside) as built:
        await live_in(built)
        await fill(built, other, locks)

        tokens = built.perception.by(other).embedders.tokens
        assert tokens is not None
        assert built.models.vectors.lacking(HARBOUR, tokens) == []
        assert len(built.models.vectors.rows(HARBOUR, tokens)) >= len(built.models.vectors.rows(HARBOUR, other.id)) > 12


# -- beside others -----------------------------------------------------------------------------------------------------


async def test_what_is_said_meanwhile_is_left_to_the_next_run(
    heartline: System, other: HashEncoder, locks: FileTurnLocks
) -> None:
    await fill(heartline, other, locks)
    answer = await heartline.ask("harbour", Instruction(role="system", text="Be kind."), heartline.said("Hello"))
    await read(answer)

    filled = await fill(heartline, other, locks)

    assert filled == Filled(encoded=3, left=0)
    assert other.texts[-3:-1] == ["Hello", await text_of_the_reply(heartline)]


async def text_of_the_reply(built: System) -> str:
    lines = await exported(built)
    return [line["data"]["text"] for line in lines if line.get("type") == "session.reply-completed"][-1]


async def test_a_session_that_somebody_else_encodes_is_left_to_them(
    heartline: System, other: HashEncoder, locks: FileTurnLocks
) -> None:
    lacking = heartline.models.vectors.lacking(HARBOUR, other.id)

    async with locks.hold(missing_of(heartline, other).care_of(HARBOUR)):
        filled = await fill(heartline, other, locks)

    assert filled == Filled(encoded=0, left=len(lacking))
    assert other.texts == []


def test_the_care_of_one_embedder_is_not_that_of_another(heartline: System, other: HashEncoder) -> None:
    cares = {missing_of(heartline, encoder).care_of(HARBOUR) for encoder in (other, HashEncoder())}

    assert len(cares) == 2


# -- what goes wrong ---------------------------------------------------------------------------------------------------


async def test_a_model_that_fails_is_told(heartline: System, locks: FileTurnLocks) -> None:
    failing = FlakyEncoder(dimensions=32)
    failing.failing = True

    with pytest.raises(Unavailable, match="does not answer"):
        await fill(heartline, failing, locks)


async def test_behind_a_view_that_stopped_nothing_is_encoded(
    tmp_path: Path, other: HashEncoder, locks: FileTurnLocks
) -> None:
    async with system(tmp_path) as built:
        with built.models.views.write() as db:
            db.execute("DROP TABLE emotions_wanted")
        await built.archive.import_(OWNER, {"messages": [{"role": "user", "text": "Hello"}]}, "more")

        with pytest.raises(Unavailable, match="stopped"):
            await fill(built, other, locks)

    assert other.texts == []


async def test_ancestors_count_among_what_a_fork_lacks(
    tmp_path: Path, other: HashEncoder, locks: FileTurnLocks
) -> None:
    async with system(tmp_path) as built:
        await bring_in(built)
        await built.branches.fork(OWNER, "harbour", at=10, name="branch")
        await built.follower.caught_up()
        branch = session_id(OWNER, "branch")

        assert built.models.vectors.missing(branch, other.id) == []
        assert built.models.vectors.lacking(branch, other.id) == list(range(2, 11))

        await fill(built, other, locks)
        assert built.models.vectors.lacking(branch, other.id) == []
