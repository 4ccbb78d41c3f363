"""A simulation of what no machine here can hold: a million sessions on many servers, behind a proxy.

Servers do the turns that one process was measured to do, and keep the sessions warm that one process keeps. Sessions
are talked in for a while, with pauses, and owners have a few sessions or very many. Owners are divided among logs by
the highest hash of owner and log (rendezvous), so that one log more moves no owner but its own. Answered are: how
evenly the load lies, how often a session is met cold, and how long a turn waits, when the proxy sends a turn to any
server of its log, and when to the one that its session hashes to.

    python -m benchmarks.shards --turns-a-second 300 --capacity 20
"""

import argparse
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.report import Result, Row

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SESSIONS: Final = 1_000_000
OWNERS: Final = 200_000
OWNER_SKEW: Final = 0.6
"""An owner's share of the sessions is its rank to the power of minus this: the largest has some 0.3 % of all."""

TALK_SECONDS: Final = 1200.0
PAUSE_SECONDS: Final = 30.0
"""A conversation lasts twenty minutes, with half a minute from one turn to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Who talks when: a session and an owner for each turn, and its second."""

    sessions: Ints
    owners: Ints
    seconds: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One process as measured: turns a second, sessions that it keeps warm, and what a cold one costs more."""

    capacity: float
    warm: int
    cold_seconds: float


def crowd(turns_a_second: float, seconds: float, seed: int = 1) -> Crowd:
    """All turns of the conversations that go on in this time."""
    chance = np.random.default_rng(seed)
    begun = int(turns_a_second * PAUSE_SECONDS / TALK_SECONDS * (seconds + TALK_SECONDS))
    starts = chance.uniform(-TALK_SECONDS, seconds, begun)
    talk = np.repeat(np.arange(begun), chance.poisson(TALK_SECONDS / PAUSE_SECONDS, begun))
    at = starts[talk] + chance.uniform(0, TALK_SECONDS, len(talk))
    within = np.flatnonzero((at >= 0) & (at < seconds))
    order = within[np.argsort(at[within])]
    share = np.arange(1, OWNERS + 1) ** -OWNER_SKEW
    owner_of = chance.choice(OWNERS, SESSIONS, p=share / share.sum())
    sessions = chance.integers(0, SESSIONS, begun)[talk[order]]
    return Crowd(sessions=sessions, owners=owner_of[sessions], seconds=at[order])


def rendezvous(keys: Ints, places: int) -> Ints:
    """Which of so many places each key belongs to: the one that hashes highest with it."""
    best = np.zeros(len(keys), dtype=np.int64)
    highest = np.zeros(len(keys), dtype=np.uint64)
    for place in range(places):
        hashed = _mixed(keys.astype(np.uint64) ^ _mixed(np.full(len(keys), place + 1, dtype=np.uint64)))
        best = np.where(hashed >= highest, place, best)
        highest = np.maximum(hashed, highest)
    return best


def simulate(who: Crowd, server: Server, *, logs: int, servers: int, by_session: bool) -> Row:
    """So many logs with so many servers each."""
    log = rendezvous(who.owners, logs)
    chosen = rendezvous(who.sessions, servers) if by_session else _any(len(log), servers)
    place = log * servers + chosen
    waits: list[Floats] = []
    cold = 0
    busy = np.zeros(logs * servers)
    for number in range(logs * servers):
        mine = np.flatnonzero(place == number)
        missed = _missed(who.sessions[mine], server.warm)
        work = (1 / server.capacity + missed * server.cold_seconds).astype(np.float64)
        waits.append(_waits(who.seconds[mine], work))
        cold += int(missed.sum())
        busy[number] = work.sum() / who.seconds[-1]
    return {
        "logs": float(logs),
        "servers each": float(servers),
        "a turn goes to": "its session's" if by_session else "any",
        "busy mean %": 100 * float(busy.mean()),
        "busiest %": 100 * float(busy.max()),
        "met cold %": 100 * cold / len(place),
        "wait p50 ms": 1000 * float(np.quantile(np.concatenate(waits), 0.5)),
        "wait p95 ms": 1000 * float(np.quantile(np.concatenate(waits), 0.95)),
    }


def _any(turns: int, servers: int) -> Ints:
    return np.random.default_rng(2).integers(0, servers, turns)


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64's finish (Steele, Lea, Flood 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _missed(sessions: Ints, warm: int) -> NDArray[np.bool_]:
    """At which of these turns the session was not among the `warm` used last."""
    kept: OrderedDict[int, None] = OrderedDict()
    missed = np.zeros(len(sessions), dtype=np.bool_)
    for turn, session in enumerate(sessions.tolist()):
        missed[turn] = session not in kept
        kept[session] = None
        kept.move_to_end(session)
        if len(kept) > warm:
            kept.popitem(last=False)
    return missed


def _waits(arrivals: Floats, work: Floats) -> Floats:
    """Seconds each turn waits until those before it are done (Lindley's recursion): one at a time, in order."""
    waits = np.zeros(len(arrivals))
    for turn in range(1, len(arrivals)):
        free = waits[turn - 1] + work[turn - 1] - (arrivals[turn] - arrivals[turn - 1])
        waits[turn] = max(0.0, free)
    return waits


def measure(
    *, turns_a_second: float, server: Server, fleets: Sequence[tuple[int, int]], seconds: float = 1800
) -> list[Result]:
    """A row for each fleet, given as logs and servers of each, and for each way of sending turns to them."""
    who = crowd(turns_a_second, seconds)
    title = (
        f"{SESSIONS:,} sessions of {OWNERS:,} owners, {turns_a_second:g} turns a second; "
        f"a server does {server.capacity:g} and keeps {server.warm} warm"
    )
    rows = [
        simulate(who, server, logs=logs, servers=servers, by_session=by_session)
        for logs, servers in fleets
        for by_session in (False, True)
    ]
    return [Result(title=title, rows=rows)]


def main() -> None:
    """Parse the command line, simulate, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--turns-a-second", type=float, default=300, help="of all users together")
    parser.add_argument(
        "--capacity", type=float, default=20, help="turns a second of one process (`crowd` measures it)"
    )
    parser.add_argument("--warm", type=int, default=200, help="sessions that one process keeps in memory")
    parser.add_argument("--cold-ms", type=float, default=30, help="more work for a session that is not among them")
    parser.add_argument("--fleet", action="append", metavar="LOGSxSERVERS", help="4x6: four logs, six servers each")
    arguments = parser.parse_args()
    server = Server(capacity=arguments.capacity, warm=arguments.warm, cold_seconds=arguments.cold_ms / 1000)
    fleets = [_fleet(text) for text in arguments.fleet or ("1x24", "4x6", "8x3", "8x4")]
    for result in measure(turns_a_second=arguments.turns_a_second, server=server, fleets=fleets):
        Console(width=None if Console().is_terminal else 130).print(result.table())


def _fleet(text: str) -> tuple[int, int]:
    logs, _, servers = text.partition("x")
    return int(logs), int(servers)


if __name__ == "__main__":
    main()
