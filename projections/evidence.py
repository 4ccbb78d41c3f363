"""What is known of every document in view for one query: each kind of evidence worked out when it is first asked for.

All arrays have one value a place of the course (`course.py`), shown messages and all: they are no candidates, but they
are neighbours, and words are rare or common with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.emotion import NEUTRAL
from projections.asking import Asking, asking
from projections.course import Course
from projections.facts import DAY_SECONDS, EPOCH_DAY
from projections.session_index import SessionIndex
from projections.stemming import stems, stems_sought
from projections.token_vectors import TokenVectors

SHORT_WORDS: Final = 40
"""On average, of a talk in short messages."""

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What memories are sought for: the text, the feeling in it, and what the encoder made of it, if it answered.

    `vector` is the unit vector of the query form, `plain` that of the text as it stands (None: the same), `tokens` are
    the form's. `day` is the day it is asked on (`date.toordinal`; None: that of the last message).
    """

    text: str
    dominant: str
    vector: NDArray[np.float32] | None
    plain: NDArray[np.float32] | None = None
    tokens: TokenVectors | None = None
    day: int | None = None


def summed(parts: Mapping[str, Scores], size: int) -> Scores:
    """The sum of the parts, of `size` values each; zeros where there are none."""
    scores = np.zeros(size, dtype=np.float32)
    for values in parts.values():
        scores += values
    return scores


class Evidence:
    """What one query finds in the documents of one course, of which `candidates` (a mask of places) are to be ranked.

    Not safe for several threads, and not to be kept: the index grows.
    """

    def __init__(self, index: SessionIndex, course: Course, query: Query, *, candidates: Mask, at: int | None) -> None:
        self.index = index
        self.course = course
        self.query = query
        self.candidates = candidates
        self._at = at
        self._words: dict[tuple[int, float], Scores] = {}

    # -- the query -----------------------------------------------------------------------------------------------------

    @cached_property
    def asking(self) -> Asking:
        """Of whom and what it asks."""
        speakers = self.index.facts.named(self.speakers)
        return asking(self.query.text, speakers, now=self._day, language=stems(self.query.text).language)

    @property
    def _day(self) -> int:
        if self.query.day is not None:
            return self.query.day
        return int(np.nanmax(self.days, initial=1.0))

    @cached_property
    def _stems(self) -> Sequence[str]:
        languages = self.index.facts.named(self.index.facts.languages[self.course.documents])
        return stems_sought(self.query.text, languages)

    # -- meaning and words ---------------------------------------------------------------------------------------------

    @cached_property
    def cosine(self) -> Scores:
        """Of the query form; 0 for a document without a vector, or without the query's."""
        return self._cosines(self.query.vector)

    @cached_property
    def plain_cosine(self) -> Scores:
        """Of the query as it stands."""
        return self.cosine if self.query.plain is None else self._cosines(self.query.plain)

    def _cosines(self, vector: NDArray[np.float32] | None) -> Scores:
        if vector is None:
            return np.zeros(len(self.course), dtype=np.float32)
        documents, vectors = self.course.documents, self.index.vectors
        in_view, likely = np.zeros((2, len(self.index.documents)), dtype=np.bool_)
        in_view[documents] = True
        if not vectors.exact:
            likely[documents] = self.words(0) > 0
        return np.nan_to_num(vectors.cosines(vector, in_view, likely)[documents], nan=0.0)

    def words(self, reach: int, *, b: float = 0.4) -> Scores:
        """BM25 as a share of the best candidate's; with a `reach` over a message and so many neighbours on either
        side."""
        if (reach, b) not in self._words:
            scores = self.index.words.scores(self._stems, self.course, reach=reach, b=b)
            highest = float(scores[self.candidates].max(initial=0.0))
            self._words[reach, b] = scores / np.float32(highest) if highest else scores
        return self._words[reach, b]

    def interaction(self, places: NDArray[np.int64]) -> Scores:
        """The late interaction of these places' documents with the query; NaN where there are no token vectors."""
        tokens = self.query.tokens
        if tokens is None:
            return np.full(len(places), np.nan, dtype=np.float32)
        documents: list[int] = self.course.documents[places].tolist()
        return self.index.tokens.interaction(tokens, documents, self.course)

    @property
    def has_tokens(self) -> bool:
        """Whether the query and any candidate have token vectors to compare."""
        if self.query.tokens is None or not len(self.query.tokens):
            return False
        candidates: list[int] = self.course.documents[self.candidates].tolist()
        return self.index.tokens.has_any(candidates)

    # -- who and when --------------------------------------------------------------------------------------------------

    @cached_property
    def speakers(self) -> NDArray[np.int32]:
        return self.index.facts.speakers[self.course.documents]

    @cached_property
    def roles(self) -> NDArray[np.int32]:
        return self.index.facts.roles[self.course.documents]

    @cached_property
    def about(self) -> Scores:
        """1 for a message of who is asked about, 0 for another's; where that is everybody, 0.75 for who is named first
        and 0.25 for the others; 0.5 where it is nobody, and for what nobody said."""
        facts, asked = self.index.facts, self.asking
        if asked.role is not None:
            theirs = self.roles == facts.code(asked.role)
        else:
            theirs = np.zeros(len(self.course), dtype=np.bool_)
            for name in asked.names:
                theirs |= self.speakers == facts.code(name)
        said = self.roles >= 0
        if not theirs[said].all():
            values = (1.0, 0.0) if theirs.any() else (0.5, 0.5)
        else:
            theirs = self.speakers == facts.code(next(iter(asked.names), None))
            values = (0.75, 0.25) if len(asked.names) > 1 else (0.5, 0.5)
        return np.where(said, np.where(theirs, *values), 0.5).astype(np.float32)

    @cached_property
    def days(self) -> NDArray[np.float64]:
        """The day each was said on (`date.toordinal`), NaN where it has no date."""
        return np.floor(self.index.facts.said[self.course.documents] / DAY_SECONDS) + EPOCH_DAY

    @cached_property
    def days_told(self) -> NDArray[np.int32]:
        """The days that documents speak of: rows of place, first day, last day, unit."""
        told = self.index.facts.days.copy()
        told[:, 0] = self.course.places(told[:, 0])
        return told[told[:, 0] >= 0]

    # -- what texts show -----------------------------------------------------------------------------------------------

    @cached_property
    def text_words(self) -> NDArray[np.int32]:
        """How many words each has."""
        return self.index.facts.words[self.course.documents]

    @cached_property
    def brevity(self) -> np.float32:
        """1 where people talk in short messages, less the longer these are on average: what stands around a short one
        belongs to it, a long answer stands for itself."""
        said = self.text_words[self.roles >= 0]
        mean = float(said.mean(dtype=np.float64)) if len(said) else 0.0
        return np.float32(min(1.0, SHORT_WORDS / max(mean, 1.0)))

    @cached_property
    def names(self) -> NDArray[np.int32]:
        return self.index.facts.names[self.course.documents]

    @cached_property
    def marks(self) -> NDArray[np.int32]:
        return self.index.facts.marks[self.course.documents]

    @cached_property
    def feelings(self) -> tuple[Mask, Scores]:
        """Whether the feeling in each is the query's, and how important each is."""
        if self.query.dominant == NEUTRAL:
            return np.zeros(len(self.course), dtype=np.bool_), np.zeros(len(self.course), dtype=np.float32)
        versions = self.index.versions[self.course.documents]
        return self.index.feelings.alike(versions, self.query.dominant, self._at)
