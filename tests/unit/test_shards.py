"""The rules of the simulated fleet."""

import numpy as np
import pytest

from benchmarks.shards import Server, crowd, rendezvous, simulate

OWNERS = np.arange(20_000)
QUICK = Server(capacity=1000, warm=10_000, cold_seconds=0)


def test_owners_are_divided_evenly_and_a_new_log_takes_its_share_only():
    of_four, of_five = rendezvous(OWNERS, 4), rendezvous(OWNERS, 5)

    assert np.bincount(of_four) / len(OWNERS) == pytest.approx([0.25] * 4, abs=0.02)
    moved = of_four != of_five
    assert set(of_five[moved]) == {4}
    assert moved.mean() == pytest.approx(0.2, abs=0.02)


def test_a_crowd_talks_as_fast_as_it_is_said_to():
    who = crowd(50, 600)

    assert len(who.seconds) / 600 == pytest.approx(50, rel=0.05)
    assert (np.diff(who.seconds) >= 0).all()


def test_a_fleet_with_room_lets_nobody_wait_and_a_full_one_does():
    who = crowd(50, 600)

    idle = simulate(who, QUICK, logs=2, servers=2, by_session=True)
    full = simulate(who, Server(capacity=12, warm=10_000, cold_seconds=0), logs=2, servers=2, by_session=True)

    assert idle["wait p95 ms"] == pytest.approx(0, abs=1)
    assert float(full["busiest %"]) > 95
    assert float(full["wait p95 ms"]) > 1000


def test_sessions_are_met_cold_less_often_where_their_turns_go_to_one_server():
    who, small = crowd(50, 600), Server(capacity=1000, warm=400, cold_seconds=0)

    any_of_four = simulate(who, small, logs=1, servers=4, by_session=False)
    its_own = simulate(who, small, logs=1, servers=4, by_session=True)

    assert float(its_own["met cold %"]) < float(any_of_four["met cold %"]) / 2
