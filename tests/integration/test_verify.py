"""`heartline verify` on real log files that somebody laid hands on: whatever was done, the event is named."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.adapters.sqlite_log import SqliteEventLog
from domain.session import session_id
from tests.builders import SessionBuilder
from tests.commands import Command, bare, commanding

LOG = Path("data/events.sqlite")
TEA, MILK = session_id("local", "tea").hex, session_id("local", "milk").hex


@pytest.fixture(autouse=True)
async def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two sessions whose events alternate, `tea` (1 to 6) and `milk` (1 to 4), and a fork of tea at 4 (5 and 6)."""
    bare(monkeypatch, tmp_path)
    LOG.parent.mkdir()
    tea, milk = SessionBuilder("tea"), SessionBuilder("milk")
    log = SqliteEventLog(LOG)
    for number in range(3):
        tea.say(f"Tea, {number}")
        await tea.store(log)
        milk.say(f"Milk, {number}")
        await milk.store(log)
    fork = tea.fork("branch")
    tea.say("Two")
    tea.say("More")
    fork.say("Elsewhere")
    await tea.store(log)
    await fork.store(log)
    await log.close()


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch) -> Command:
    return commanding(monkeypatch)


Verify = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def verify(heartline: Command, capsys: pytest.CaptureFixture[str]) -> Verify:
    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = heartline("verify", *arguments, "--json")
        return code, json.loads(capsys.readouterr().out)

    return run


def change(*statements: str) -> None:
    with closing(sqlite3.connect(LOG)) as db, db:
        for statement in statements:
            db.execute(statement)


def faults(found: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {
        one["session_id"]: (one["fault"]["version"], one["fault"]["damage"])
        for one in found["sessions"]
        if one["fault"] is not None
    }


def test_a_log_that_nobody_touched_is_intact(verify: Verify) -> None:
    code, found = verify()

    assert (code, found["intact"], found["missing_position"]) == (0, True, None)
    assert {one["session_id"]: one["version"] for one in found["sessions"]} == {"tea": 6, "milk": 4, "branch": 6}


def test_a_changed_event_is_named(verify: Verify) -> None:
    change(f"UPDATE stored_events SET state = replace(state, 'Tea, 1', 'Gin, 1') WHERE originator_id = '{TEA}'")

    code, found = verify()

    assert (code, found["intact"]) == (1, False)
    assert faults(found) == {"tea": (3, "changed")}


@pytest.mark.parametrize(("column", "value"), [("topic", "session.turn-failed"), ("created", "2020-01-01")])
def test_a_changed_envelope_is_named(verify: Verify, column: str, value: str) -> None:
    change(f"UPDATE stored_events SET {column} = '{value}' WHERE originator_id = '{TEA}' AND originator_version = 3")

    assert faults(verify()[1]) == {"tea": (3, "misplaced")}


def test_a_changed_event_whose_digest_was_made_to_fit_is_named(verify: Verify) -> None:
    change(
        f"""UPDATE stored_events SET (state, digest) = (
            SELECT state, digest FROM stored_events WHERE originator_id = '{MILK}' AND originator_version = 3
        ) WHERE originator_id = '{TEA}' AND originator_version = 3"""
    )

    assert faults(verify()[1]) == {"tea": (3, "misplaced")}


def test_a_dropped_event_is_named(verify: Verify) -> None:
    change(f"DELETE FROM stored_events WHERE originator_id = '{TEA}' AND originator_version = 3")

    code, found = verify()

    assert code == 1
    assert faults(found) == {"tea": (3, "missing")}
    assert found["missing_position"] == 5


def test_a_first_event_that_was_dropped_is_named(verify: Verify) -> None:
    change(f"DELETE FROM stored_events WHERE originator_id = '{MILK}' AND originator_version = 1")

    (broken,) = [one for one in verify()[1]["sessions"] if one["fault"] is not None]

    assert (broken["stream"], broken["session_id"]) == (MILK, None)
    assert broken["fault"] == {"version": 1, "damage": "missing"}


@pytest.mark.parametrize("later", ["", "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'stored_events'"])
def test_a_dropped_end_of_a_session_leaves_a_gap_in_the_log(verify: Verify, later: str) -> None:
    change(
        f"DELETE FROM stored_events WHERE originator_id = '{MILK}' AND originator_version = 4", *filter(None, [later])
    )

    code, found = verify()

    assert (code, faults(found), found["missing_position"]) == (1, {}, 8)


def test_a_dropped_end_of_the_log_is_found(verify: Verify) -> None:
    change("DELETE FROM stored_events WHERE position = (SELECT max(position) FROM stored_events)")

    code, found = verify()

    assert (code, found["missing_position"]) == (1, 12)


def test_two_events_in_each_others_place_are_named(verify: Verify) -> None:
    place = f"originator_id = '{TEA}' AND originator_version ="
    change(
        f"UPDATE stored_events SET originator_version = 99 WHERE {place} 2",
        f"UPDATE stored_events SET originator_version = 2 WHERE {place} 3",
        f"UPDATE stored_events SET originator_version = 3 WHERE {place} 99",
    )

    assert faults(verify()[1]) == {"tea": (2, "misplaced")}


def test_two_events_whose_order_in_the_log_was_changed_are_named(verify: Verify) -> None:
    change(
        "UPDATE stored_events SET position = 99 WHERE position = 2",
        "UPDATE stored_events SET position = 2 WHERE position = 5",
        "UPDATE stored_events SET position = 5 WHERE position = 99",
    )

    assert faults(verify()[1]) == {"tea": (3, "misplaced")}


def test_an_inserted_event_is_named(verify: Verify) -> None:
    change(
        f"UPDATE stored_events SET originator_version = originator_version + 100 WHERE originator_id = '{TEA}' "
        "AND originator_version > 2",
        f"""INSERT INTO stored_events (originator_id, originator_version, topic, created, state, digest, chain)
            SELECT originator_id, 3, topic, created, state, digest, chain FROM stored_events
            WHERE originator_id = '{TEA}' AND originator_version = 2""",
        f"UPDATE stored_events SET originator_version = originator_version - 99 WHERE originator_id = '{TEA}' "
        "AND originator_version > 100",
    )

    # The fork goes on from version 4 of what it was, which is another now.
    assert faults(verify()[1]) == {"tea": (3, "misplaced"), "branch": (5, "misplaced")}


def test_an_event_put_behind_the_last_is_named(verify: Verify) -> None:
    change(
        f"""INSERT INTO stored_events (originator_id, originator_version, topic, created, state, digest, chain)
            SELECT originator_id, 5, topic, created, state, digest, chain FROM stored_events
            WHERE originator_id = '{MILK}' AND originator_version = 4"""
    )

    assert faults(verify()[1]) == {"milk": (5, "misplaced")}


def test_an_event_of_no_session_is_told(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    change(f"UPDATE stored_events SET originator_id = 'nobody' WHERE originator_id = '{MILK}'")

    assert heartline("verify") == 1
    assert "an event of no session" in capsys.readouterr().err


# -- one session, and the head that it should have ---------------------------------------------------------------------


def test_a_session_is_checked_with_what_it_goes_on_from(verify: Verify) -> None:
    change(f"UPDATE stored_events SET state = replace(state, 'Tea, 1', 'Gin, 1') WHERE originator_id = '{TEA}'")

    assert faults(verify("branch")[1]) == {"tea": (3, "changed")}
    assert verify("milk")[0] == 0


def test_a_fork_whose_parents_end_was_rewritten_is_not_its_own(verify: Verify) -> None:
    change(f"DELETE FROM stored_events WHERE originator_id = '{TEA}'")

    assert faults(verify("branch")[1]) == {"branch": (5, "misplaced")}


def test_a_head_is_found_again_however_long_the_session_has_become(verify: Verify) -> None:
    heads = {one["session_id"]: one["head"] for one in verify()[1]["sessions"]}
    with closing(sqlite3.connect(LOG)) as db:
        (older,) = db.execute(
            "SELECT hex(chain) FROM stored_events WHERE originator_id = ? AND originator_version = 3", (TEA,)
        ).fetchone()

    assert verify("tea", "--expect", heads["tea"])[1]["expected_at"] == 6
    assert verify("tea", "--expect", older)[1]["expected_at"] == 3
    assert verify("branch", "--expect", older)[1]["expected_at"] == 3
    assert verify("branch", "--expect", heads["tea"])[0] == 1


def test_a_session_that_was_written_anew_does_not_have_its_old_head(verify: Verify) -> None:
    head = next(one["head"] for one in verify()[1]["sessions"] if one["session_id"] == "milk")
    change(f"DELETE FROM stored_events WHERE originator_id = '{MILK}' AND originator_version = 4")

    code, found = verify("milk", "--expect", head)

    assert (code, found["intact"], found["expected_at"], faults(found)) == (1, False, None, {})


def test_people_are_told_in_words(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("verify") == 0
    assert capsys.readouterr().out.count("intact") == 3
    assert heartline("verify", "tea", "--expect", "00") == 1
    assert "never had the head" in capsys.readouterr().err

    change("DELETE FROM stored_events WHERE position = 5")

    assert heartline("verify") == 1
    told = capsys.readouterr()
    assert "broken" in told.out
    assert told.err.splitlines() == [
        "tea: event 3: it is missing.",
        "An event was dropped: the log has none at position 5.",
    ]


def test_the_head_that_was_expected_is_told_with_its_version(
    heartline: Command, verify: Verify, capsys: pytest.CaptureFixture[str]
) -> None:
    head = verify("milk")[1]["sessions"][0]["head"]

    assert heartline("verify", "milk", "--expect", head) == 0
    assert "is that of version 4" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--expect", "00"), ("tea", "milk", "--expect", "00"), ("nobody",)])
def test_what_cannot_be_verified_is_refused(
    heartline: Command, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert heartline("verify", *arguments) == 1
    assert capsys.readouterr().err.startswith("heartline: ")
