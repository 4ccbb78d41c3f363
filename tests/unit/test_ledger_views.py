"""The views about a session as a whole: turns and how they ended, what they cost, and the catalogue of sessions."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from projections.usage import Price
from tests.builders import SessionBuilder
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path)) as world:
        yield world


# -- audits ------------------------------------------------------------------------------------------------------------


async def test_a_turn_is_open_until_something_ends_it(world: World) -> None:
    chat = SessionBuilder()
    asked = chat.say("Well?")
    turn = chat.open_turn()
    opened = chat.version
    answered = chat.complete("Yes")
    await world.see(chat)

    before = world.models.audits.turn(chat.id, turn, opened)
    after = world.models.audits.turn(chat.id, turn)

    assert before is not None
    assert (before.status, before.replies) == ("open", [])
    assert after is not None
    assert (after.status, after.replies) == ("completed", [answered])
    assert after.context is not None
    assert after.context["query"] == asked
    assert after.ending is not None
    assert after.ending["model"] == "offline"
    assert "text" not in after.ending


async def test_a_turn_of_several_replies_names_them_all(world: World) -> None:
    chat = SessionBuilder()
    first = chat.reply("one", "two")
    await world.see(chat)

    (turn,) = world.models.audits.turns(chat.id)

    assert turn.replies == [first, first + 1]


async def test_turns_fail_or_are_cancelled(world: World) -> None:
    chat = SessionBuilder()
    chat.open_turn()
    chat.fail("abandoned")
    chat.open_turn()
    chat.complete("Cut sh", finish_reason="cancelled")
    await world.see(chat)

    failed, cancelled = world.models.audits.turns(chat.id)

    assert (failed.status, failed.replies) == ("failed", [])
    assert failed.ending is not None
    assert failed.ending["code"] == "abandoned"
    assert cancelled.status == "cancelled"
    assert world.models.audits.turns(chat.id, after=failed.version, limit=1) == [cancelled]


async def test_a_turn_that_was_open_at_a_fork_stays_open_in_the_parent_alone(world: World) -> None:
    chat = SessionBuilder()
    turn = chat.open_turn()
    fork = chat.fork("chat-2")
    fork.say("Never mind")
    await world.see(chat, fork)

    shared = world.models.audits.turn(fork.id, turn)

    assert shared is not None
    assert shared.status == "cancelled"
    assert [(one.id, one.status) for one in world.models.audits.turns(chat.id)] == [(turn, "open")]


async def test_a_context_that_quoted_what_is_forgotten_is_gone(world: World) -> None:
    chat = SessionBuilder()
    secret = chat.say("my secret")
    chat.open_turn()
    quoted_in = chat.version
    chat.complete("I see")
    chat.forget(secret, versions=[quoted_in])
    await world.see(chat)

    (turn,) = world.models.audits.turns(chat.id)

    assert (turn.status, turn.context) == ("completed", None)


# -- usage -------------------------------------------------------------------------------------------------------------


async def test_tokens_and_costs_add_up(world: World) -> None:
    chat = SessionBuilder()
    chat.reply()
    then = chat.version
    chat.reply()
    await world.see(chat)
    prices = {"offline": Price(input=1.0, output=10.0, cached=0.5)}

    totals = world.models.usage.totals(chat.id, prices=prices)

    assert (totals.input_tokens, totals.output_tokens) == (200, 40)
    assert (totals.cached_tokens, totals.reasoning_tokens, totals.estimated) == (80, 10, False)
    assert totals.estimated_cost_usd == pytest.approx((120 * 1.0 + 80 * 0.5 + 40 * 10.0) / 1e6)
    assert world.models.usage.totals(chat.id, then, prices=prices).output_tokens == 20


async def test_tokens_add_up_by_day_and_a_forks_common_past_counts_once(world: World) -> None:
    chat, other = SessionBuilder(), SessionBuilder(external_id="other")
    chat.reply()
    fork = chat.fork("chat-2")
    fork.reply()
    other.reply()
    await world.see(chat, fork, other)
    today = chat.events[-1].timestamp.date().isoformat()

    found = world.models.usage.days([chat.id, fork.id], since="2000-01-01", prices={})

    assert list(found) == [today]
    assert (found[today].replies, found[today].input_tokens, found[today].estimated_cost_usd) == (2, 200, None)
    assert world.models.usage.days([chat.id], since="2999-01-01", prices={}) == {}


async def test_the_cost_is_unknown_when_one_model_has_no_price(world: World) -> None:
    chat = SessionBuilder()
    chat.reply(model="offline")
    chat.reply(model="brand-new")
    await world.see(chat)

    totals = world.models.usage.totals(chat.id, prices={"offline": Price(input=1, output=1, cached=1)})

    assert (totals.input_tokens, totals.estimated_cost_usd) == (200, None)


async def test_a_session_without_replies_cost_nothing(world: World) -> None:
    totals = world.models.usage.totals(uuid4(), prices={})

    assert (totals.output_tokens, totals.estimated_cost_usd) == (0, 0.0)


# -- catalogue ---------------------------------------------------------------------------------------------------------


async def test_an_owners_sessions_are_listed_latest_first(world: World) -> None:
    chats = [SessionBuilder(name) for name in ("a", "b", "c")]
    await world.see(*chats, SessionBuilder("d", owner="somebody else"))
    chats[0].say("Hello again")
    await world.see(chats[0])
    catalogue = world.models.catalogue

    first = catalogue.list("local", limit=2)
    second = catalogue.list("local", limit=2, after=chats[2].id)

    assert [entry.external_id for entry in [*first, *second]] == ["a", "c", "b"]


async def test_a_session_is_called_by_its_first_user_message(world: World) -> None:
    chat = SessionBuilder("a", user="anna")
    chat.say("Good evening, traveller", "assistant")
    chat.say("  Where\nam I?  " + "x" * 100)
    chat.feel(chat.path[-1], "fear")
    chat.say("Hello?")
    chat.remove(chat.path[-1])
    await world.see(chat)

    entry = world.models.catalogue.get("local", "a")

    assert entry is not None
    assert entry == world.models.catalogue.by_id(chat.id)
    assert entry == world.models.catalogue.latest_of_user("local", "anna")
    assert entry.title == "Where am I? " + "x" * 48 + "…"
    assert (entry.messages, entry.version) == (2, chat.version)
    assert (entry.chain, entry.position) == (world.log.read(0, 99)[-1].chain, world.log.last_position())


async def test_a_fork_shows_what_its_parent_showed_then(world: World) -> None:
    chat = SessionBuilder("a", user="anna")
    chat.say("Hello")
    forked_at = chat.version
    chat.feel(chat.path[0])
    chat.say("More")
    fork = chat.fork("b", forked_at)
    await world.see(chat, fork)

    entry = world.models.catalogue.by_id(fork.id)

    assert entry is not None
    assert (entry.title, entry.messages, entry.user) == ("Hello", 1, "anna")
    assert (entry.parent, entry.at) == (chat.id.hex, forked_at)


async def test_a_forgotten_message_is_no_title(world: World) -> None:
    chat = SessionBuilder("a")
    secret = chat.say("my secret")
    fork = chat.fork("b")
    chat.forget(secret)
    await world.see(chat, fork)

    assert [entry.title for entry in world.models.catalogue.list("local")] == [None, None]


async def test_an_erased_session_is_not_listed(world: World) -> None:
    chat = SessionBuilder("a")
    await world.see(chat)
    chat.erase()
    await world.see(chat)

    assert world.models.catalogue.list("local") == []
    assert world.models.catalogue.get("local", "a") is None
