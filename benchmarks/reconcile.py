"""How long a client's transcript takes to be understood: reconciliation alone, pure, on sessions of several lengths.

    python -m benchmarks.reconcile

Each case is the fastest of several runs in CPU time, with the keys of the transcript's texts computed before, as they
are for all of a transcript but what is new in it.
"""

import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich.console import Console

from benchmarks.report import Result, Row, machine
from domain.keys import fingerprint
from domain.known import Familiar, Known
from domain.messages import Message
from domain.prompt import Prompt
from domain.transcript import reconcile

SIZES: Final = (20, 600, 10_000)
ROUNDS: Final = 7
SAID_AT: Final = "2026-03-01T12:00:00+00:00"
WORDS: Final = (
    "the",
    "lamp",
    "turned",
    "and",
    "the",
    "keeper",
    "wrote",
    "one",
    "more",
    "ship",
    "into",
    "the",
    "notebook",
)

Numbers = list[int]


def _shuffled(path: Numbers) -> Numbers:
    order = path[:]
    random.Random(7).shuffle(order)
    return order


CASES: Final[Mapping[str, Callable[[Numbers], Numbers]]] = {
    "one message more": lambda path: [*path, len(path)],
    "last reply away": lambda path: path[:-1],
    "head trimmed, one more": lambda path: [*path[len(path) // 2 :], len(path)],
    "every tenth edited": lambda path: [number if number % 10 else number + 10**6 for number in path],
    "one in the middle away": lambda path: [number for number in path if number != len(path) // 2],
    "nothing known": lambda path: [number + len(path) for number in path],
    "shuffled": _shuffled,
    "always the same": lambda path: [0] * len(path),
}
"""What is done to the numbers of a path's messages: even ones are the user's."""


def measure(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> list[Result]:
    """CPU milliseconds of reconciling, a row a case and a column a length of session."""
    rows: list[Row] = []
    for name, change in CASES.items():
        timed = {f"{size:,} ms": _fastest(list(range(size)), change, rounds) for size in sizes}
        rows.append({"case": name, **timed})
    return [Result(title="Reconciling a transcript with as many messages", rows=rows)]


def _fastest(path: Numbers, change: Callable[[Numbers], Numbers], rounds: int) -> float:
    known = _known([0] * len(path) if change(path) == [0] * len(path) else path)
    prompt = Prompt(messages=[_message(number) for number in change(path)])
    return min(_timed(prompt, known) for _ in range(rounds))


def _timed(prompt: Prompt, known: Known) -> float:
    began = time.process_time()
    reconcile(prompt, known)
    return (time.process_time() - began) * 1000


def _message(number: int) -> Message:
    text = f"{' '.join(WORDS[number % 7 :])} {number}."
    return Message(role="assistant" if number % 2 else "user", text=text, said_at=SAID_AT)


def _known(path: Numbers) -> Known:
    messages: dict[int, Familiar] = {}
    by_key: dict[int, list[int]] = {}
    texts: dict[int, str] = {}
    for version, number in enumerate(path, start=1):
        said = _message(number)
        one = Familiar(said.role, fingerprint(said.role, said.text), ours=said.role == "assistant")
        messages[version], texts[version] = one, said.text
        by_key.setdefault(one.key, []).append(version)
    return Known(path=list(messages), messages=messages, by_key=by_key, texts=texts)


if __name__ == "__main__":
    out = Console(width=None if sys.stdout.isatty() else 120)
    out.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for found in measure():
        out.print(found.table())
