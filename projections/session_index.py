"""All that can be recalled of one session, warm in memory: documents, their vectors, their words, their feelings.

It is filled from the views' rows and only ever grows; what is in view as of some version is asked by a mask. A document
is a message, a carried memory, a summary, or a chunk of an instruction.
"""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.records import MemoryKind
from projections.bm25 import Bm25
from projections.course import Course
from projections.facts import Facts, Source
from projections.token_index import TokenIndex
from projections.token_vectors import TokenVectors
from projections.traits import Traits
from projections.vector_index import VectorIndex

Epoch = tuple[int, int]
"""When anything was forgotten last, and how often all rows were replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something recallable: the text of `version`, or its characters `start` to `end`, with the stems in it (`head`:
    in its beginning, where it is long) and what else is known of it."""

    kind: MemoryKind
    version: int
    start: int | None = None
    end: int | None = None
    terms: Mapping[str, int]
    head: Mapping[str, int] | None = None
    source: Source = field(default_factory=Source)
    traits: Traits = field(default_factory=Traits)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """Stored token vectors. `part` counts the chunks of an instruction; any other text has part 0."""

    version: int
    part: int
    tokens: TokenVectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedders:
    """Whose vectors an index holds, by name; `tokens` is None where there are no token vectors."""

    vectors: str
    tokens: str | None = None

    @property
    def names(self) -> list[str]:
        return [self.vectors] if self.tokens is None else [self.vectors, self.tokens]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRow:
    """A stored vector. `part` counts the pieces of a long text, or the chunks of an instruction."""

    version: int
    part: int
    vector: NDArray[np.float16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeling:
    """The dominant emotion of message `of` and its importance, as detected by event `version`."""

    version: int
    of: int
    dominant: str
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What the views hold beyond what an index has read, and how far that is, all from one snapshot of the views."""

    documents: Sequence[Document]
    vectors: Sequence[VectorRow]
    tokens: Sequence[TokenRow] = ()
    feelings: Sequence[Feeling]
    version: int
    sequence: int


class Rows(Protocol):
    """Where an index reads from: the rows of a session and of its ancestors as far as they are its own."""

    def additions(self, session: UUID, embedders: Embedders, *, version: int, sequence: int) -> Additions: ...

    def epoch(self) -> Epoch:
        """Another one since something was forgotten, or all rows were replaced: what was read before may not hold."""
        ...


class Feelings:
    """What was detected in the messages of one session, in the order of detection."""

    def __init__(self) -> None:
        # Reading 0 is that of a message of which there is none.
        self._versions = array("q", [0])
        self._of = array("q", [0])
        self._dominant = array("i", [-1])
        self._importance = array("f", [0.0])
        self._labels: dict[str, int] = {}

    def add(self, feeling: Feeling) -> None:
        self._versions.append(feeling.version)
        self._of.append(feeling.of)
        self._dominant.append(self._labels.setdefault(feeling.dominant, len(self._labels)))
        self._importance.append(feeling.importance)

    def alike(
        self, messages: NDArray[np.int64], dominant: str, at: int | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Whether the feeling detected last in each of these messages, as of `at`, is this one, and its importance."""
        readings = len(self._of) if at is None else bisect_right(self._versions, at)
        of = np.array(self._of[:readings], dtype=np.int64)
        newest = np.zeros(max(int(of.max()), int(messages.max(initial=0))) + 1, dtype=np.int64)
        newest[of] = np.arange(readings)  # the last one of a message stays
        reading = newest[messages]
        same = np.array(self._dominant, dtype=np.int32)[reading] == self._labels.get(dominant, len(self._labels))
        return same, np.array(self._importance, dtype=np.float32)[reading]


class SessionIndex:
    """The recallable documents of one session, numbered in the order they became known."""

    def __init__(self, session: UUID, *, embedders: Embedders, dimensions: int) -> None:
        self.session = session
        self.embedders = embedders
        self.documents: list[Document] = []
        self.facts = Facts()
        self.words = Bm25()
        self.vectors = VectorIndex(dimensions)
        self.tokens = TokenIndex()
        self.feelings = Feelings()
        self._versions = array("q")
        self._first_of: dict[int, int] = {}
        self._chunked = False
        self._early: list[VectorRow] = []
        self._early_tokens: list[TokenRow] = []
        self._version = 0
        self._sequence = 0

    def refresh(self, rows: Rows) -> None:
        """Read what came since the last time."""
        new = rows.additions(self.session, self.embedders, version=self._version, sequence=self._sequence)
        for document in new.documents:
            self._chunked = self._chunked or document.version in self._first_of
            self._first_of.setdefault(document.version, len(self.documents))
            self.documents.append(document)
            self._versions.append(document.version)
            self.facts.add(document.source, document.traits)
            self.words.add(document.terms, document.head)
        for feeling in new.feelings:
            self.feelings.add(feeling)
        self._version, self._sequence = new.version, new.sequence
        self._add_vectors([*self._early, *new.vectors])
        self._add_tokens([*self._early_tokens, *new.tokens])

    def _add_vectors(self, rows: Sequence[VectorRow]) -> None:
        """The views read vectors apart from events, so a vector may be there before its document: it waits."""
        self._early = [row for row in rows if row.version > self._version]
        numbered = [(number, row.vector) for row in rows if (number := self._number(row)) is not None]
        if numbered:
            numbers, vectors = zip(*numbered, strict=True)
            self.vectors.add(numbers, np.stack(vectors))

    def _add_tokens(self, rows: Sequence[TokenRow]) -> None:
        self._early_tokens = [row for row in rows if row.version > self._version]
        for row in rows:
            if (number := self._number(row)) is not None:
                self.tokens.add(number, row.tokens)

    def _number(self, row: VectorRow | TokenRow) -> int | None:
        """The document that a vector is of; None when it is not known yet, or was forgotten since."""
        first = self._first_of.get(row.version)
        if first is None or self.documents[first].kind != "persona":
            return first
        number = first + row.part
        known = number < len(self.documents) and self.documents[number].version == row.version
        return number if known else None

    @property
    def versions(self) -> NDArray[np.int64]:
        """The version of each document; they only rise."""
        return np.array(self._versions, dtype=np.int64)

    def course(self, path: Sequence[int], beside: Sequence[int] = ()) -> Course:
        """The documents of the path in its order, then those beside it; each once, where it stands first."""
        on_path = _each_once(self.numbers(path))
        apart = np.setdiff1d(self.numbers(beside), on_path) if len(beside) else on_path[:0]
        documents = np.concatenate([on_path, apart])
        said = self.facts.said[documents]
        return Course(documents, said=said, known=len(self.documents), apart=len(apart))

    def numbers(self, versions: Sequence[int]) -> NDArray[np.int64]:
        """The documents of these versions in their order: an instruction has several, other things may have none."""
        wanted = np.asarray(versions, dtype=np.int64)
        own = np.frombuffer(self._versions, dtype=np.int64)
        if not len(own) or not len(wanted):
            return np.zeros(0, dtype=np.int64)
        table = np.full(max(int(own[-1]), int(wanted.max())) + 2, len(own), dtype=np.int64)
        table[own[::-1]] = np.arange(len(own) - 1, -1, -1)  # of several documents the first stays
        first = table[wanted]
        known = first < len(own)
        if not self._chunked:
            return first[known]
        first, end = first[known], np.searchsorted(own, wanted[known], "right")
        sizes = end - first
        return np.repeat(first - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))


def _each_once(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """A path mostly rises; only where it does not can something stand in it twice."""
    if not len(numbers) or (np.diff(numbers) > 0).all():
        return numbers
    return numbers[np.sort(np.unique(numbers, return_index=True)[1])]
