"""Micro-batching: sequences of concurrent callers on their way through a model, and which of them share a pass.

    submit() ... submit()  ->  next() -> a worker's forward pass -> deliver() or fail()  ->  the callers' futures

A pass takes what is waiting and never waits to fill. Plain threads; knows no model.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition
from typing import Final, Generic, TypeVar

from domain.errors import Unavailable

MOST_SEQUENCES: Final = 32
MOST_PIECES: Final = 96
"""Word pieces of one pass, padding included: 256 would save 6 % of the time, and others would wait longer."""

R = TypeVar("R")
"""What a pass gives for one sequence."""


@dataclass(slots=True, eq=False)
class Job(Generic[R]):
    """What one caller waits for. A big one (backfill) never shares a pass with small ones and lets them go first."""

    big: bool
    missing: int
    results: dict[int, R] = field(default_factory=dict[int, R])
    future: "Future[list[R]]" = field(default_factory=lambda: Future[list[R]]())

    @property
    def whole(self) -> list[R]:
        return [self.results[row] for row in sorted(self.results)]


@dataclass(frozen=True, slots=True, eq=False)
class Part(Generic[R]):
    """One sequence of a job, and the row of the job's results that is its own."""

    job: Job[R]
    row: int
    sequence: Sequence[int]

    @property
    def urgency(self) -> tuple[bool, int]:
        """Small jobs first; then short sequences together, so that little is padding."""
        return self.job.big, len(self.sequence)


class Passes(Generic[R]):
    """The waiting room between callers and workers. Thread-safe."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: list[Part[R]] = []
        self._closed = False

    def submit(self, sequences: Sequence[Sequence[int]]) -> "Future[list[R]]":
        """One result a sequence, in order. Cancelling the future spares the sequences that still wait."""
        job = Job[R](big=len(sequences) > MOST_SEQUENCES, missing=len(sequences))
        with self._changed:
            if self._closed:
                raise Unavailable("The embedding model has been shut down.")
            self._waiting += [Part(job, row, sequence) for row, sequence in enumerate(sequences)]
            self._changed.notify()
        return job.future

    def next(self) -> list[Part[R]]:
        """What goes into the next pass. Blocks until there is something; empty means closed."""
        with self._changed:
            while not self._closed:
                if parts := self._take():
                    return parts
                self._changed.wait()
            return []

    def work(self, model: Callable[[Sequence[Sequence[int]]], Sequence[R]]) -> None:
        """A worker's life: one pass after the other through `model`, until closed. A model that raises Unavailable
        fails that pass alone: the next may well succeed."""
        while parts := self.next():
            try:
                results = model([part.sequence for part in parts])
            except Unavailable as error:
                self.fail(parts, error)
            except BaseException:  # the worker dies of it, its callers shall not wait for ever
                self.fail(parts, Unavailable("The embedding model failed."))
                raise
            else:
                self.deliver(parts, results)

    def deliver(self, parts: Sequence[Part[R]], results: Sequence[R]) -> None:
        """The results of these parts, in their order."""
        for part, result in zip(parts, results, strict=True):
            part.job.results[part.row] = result
        with self._changed:
            for part in parts:
                part.job.missing -= 1
            complete = {part.job for part in parts if not part.job.missing}
        for job in complete:
            if job.future.set_running_or_notify_cancel():
                job.future.set_result(job.whole)

    def fail(self, parts: Sequence[Part[R]], error: Unavailable) -> None:
        """Their pass failed: so do the jobs they belong to, and nobody else's."""
        for job in {part.job for part in parts}:
            if not job.future.done() and job.future.set_running_or_notify_cancel():
                job.future.set_exception(error)

    def close(self) -> None:
        """Let the workers go; who still waits is told."""
        with self._changed:
            self._closed = True
            left, self._waiting = self._waiting, []
            self._changed.notify_all()
        self.fail(left, Unavailable("The embedding model has been shut down."))

    def _take(self) -> list[Part[R]]:
        self._waiting = sorted((part for part in self._waiting if not part.job.future.done()), key=lambda p: p.urgency)
        count = 0
        for part in self._waiting[:MOST_SEQUENCES]:
            alike = part.job.big == self._waiting[0].job.big
            if count and not (alike and (count + 1) * len(part.sequence) <= MOST_PIECES):
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken
