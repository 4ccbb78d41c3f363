"""Micro-batching: sequences of concurrent callers on their way through a model, and which of them share a pass.

    submit() ... submit()  ->  next() -> a worker's forward pass -> deliver() or fail()  ->  the callers' futures

A pass takes what is waiting and never waits to fill. Plain threads; knows no model.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import Unavailable

MOST_SEQUENCES: Final = 32
MOST_PIECES: Final = 256
"""Word pieces of one pass, padding included: more gain nothing per text, and others wait longer for theirs."""

Vectors = NDArray[np.float16]


@dataclass(slots=True, eq=False)
class Job:
    """What one caller waits for. A big one (backfill) never shares a pass with small ones and lets them go first."""

    big: bool
    vectors: Vectors
    missing: int
    future: "Future[Vectors]" = field(default_factory=lambda: Future[Vectors]())


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One sequence of a job, and the row of the job's vectors that is its own."""

    job: Job
    row: int
    sequence: Sequence[int]

    @property
    def urgency(self) -> tuple[bool, int]:
        """Small jobs first; then short sequences together, so that little is padding."""
        return self.job.big, len(self.sequence)


class Passes:
    """The waiting room between callers and workers. Thread-safe."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._changed = Condition()
        self._waiting: list[Part] = []
        self._closed = False

    def submit(self, sequences: Sequence[Sequence[int]]) -> "Future[Vectors]":
        """One vector a sequence, in order. Cancelling the future spares the sequences that still wait."""
        vectors = np.empty((len(sequences), self._dimensions), np.float16)
        job = Job(big=len(sequences) > MOST_SEQUENCES, vectors=vectors, missing=len(sequences))
        with self._changed:
            if self._closed:
                raise Unavailable("The embedding model has been shut down.")
            self._waiting += [Part(job, row, sequence) for row, sequence in enumerate(sequences)]
            self._changed.notify()
        return job.future

    def next(self) -> list[Part]:
        """What goes into the next pass. Blocks until there is something; empty means closed."""
        with self._changed:
            while not self._closed:
                if parts := self._take():
                    return parts
                self._changed.wait()
            return []

    def work(self, model: Callable[[Sequence[Sequence[int]]], Vectors]) -> None:
        """A worker's life: one pass after the other through `model`, until closed."""
        while parts := self.next():
            try:
                vectors = model([part.sequence for part in parts])
            except RuntimeError as error:  # torch's own, memory included: the next pass may well succeed
                failed = Unavailable(f"The embedding model failed: {error}.")
                failed.__cause__ = error
                self.fail(parts, failed)
            else:
                self.deliver(parts, vectors)

    def deliver(self, parts: Sequence[Part], vectors: Vectors) -> None:
        """The vectors of these parts, row by row."""
        for part, vector in zip(parts, vectors, strict=True):
            part.job.vectors[part.row] = vector
        with self._changed:
            for part in parts:
                part.job.missing -= 1
            complete = {part.job for part in parts if not part.job.missing}
        for job in complete:
            if job.future.set_running_or_notify_cancel():
                job.future.set_result(job.vectors)

    def fail(self, parts: Sequence[Part], error: Unavailable) -> None:
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

    def _take(self) -> list[Part]:
        self._waiting = sorted((part for part in self._waiting if not part.job.future.done()), key=lambda p: p.urgency)
        count = 0
        for part in self._waiting[:MOST_SEQUENCES]:
            alike = part.job.big == self._waiting[0].job.big
            if count and not (alike and (count + 1) * len(part.sequence) <= MOST_PIECES):
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken
