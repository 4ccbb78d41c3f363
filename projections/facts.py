"""What is known of each document of a session besides its words and vectors, as columns that only grow."""

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.records import Role
from projections.dates import Unit
from projections.traits import Traits

Ints = NDArray[np.int32]

UNITS: Final[tuple[Unit, ...]] = ("day", "month", "year")
DAY_SECONDS: Final = 86_400
EPOCH_DAY: Final = 719_163
"""`date(1970, 1, 1).toordinal()`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who said a document and when: `said` in seconds since the epoch, None where it has no date. What nobody said (a
    summary, an instruction) has no role."""

    role: Role | None = None
    speaker: str | None = None
    said: float | None = None
    language: str = ""


def seconds(said_at: str) -> float | None:
    """A date (ISO 8601) in seconds since the epoch; None for what is none."""
    try:
        when = datetime.fromisoformat(said_at)
    except ValueError:
        return None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def day_of(said: float | None) -> int | None:
    """The day (`date.toordinal`, UTC) of an instant in seconds since the epoch."""
    return None if said is None else int(said // DAY_SECONDS) + EPOCH_DAY


class Facts:
    """Documents are numbered from 0 in the order they were added."""

    def __init__(self) -> None:
        self._roles = array("i")
        self._speakers = array("i")
        self._languages = array("i")
        self._said = array("d")
        self._words = array("i")
        self._marks = array("i")
        self._names = array("i")
        self._days = array("i")
        self._codes: dict[str | None, int] = {None: -1}

    def add(self, source: Source, traits: Traits) -> None:
        """The next document."""
        for days in traits.days:
            self._days.extend((len(self._said), days.first, days.last, UNITS.index(days.unit)))
        self._roles.append(self.code(source.role))
        self._speakers.append(self.code(source.speaker))
        self._languages.append(self.code(source.language))
        self._said.append(source.said if source.said is not None else nan)
        self._words.append(traits.words)
        self._marks.append(traits.marks)
        self._names.append(traits.names)

    def code(self, name: str | None) -> int:
        """The number that stands for a role, speaker or language in the columns; nobody's is -1."""
        return self._codes.setdefault(name, len(self._codes))

    def named(self, codes: Ints) -> list[str]:
        """What these numbers stand for, each once."""
        found = np.bincount(codes + 1, minlength=len(self._codes) + 1)  # nobody's number is -1
        return [name for name, code in self._codes.items() if name is not None and found[code + 1]]

    @property
    def roles(self) -> Ints:
        return np.array(self._roles, dtype=np.int32)

    @property
    def speakers(self) -> Ints:
        return np.array(self._speakers, dtype=np.int32)

    @property
    def languages(self) -> Ints:
        return np.array(self._languages, dtype=np.int32)

    @property
    def said(self) -> NDArray[np.float64]:
        return np.array(self._said, dtype=np.float64)

    @property
    def words(self) -> Ints:
        return np.array(self._words, dtype=np.int32)

    @property
    def marks(self) -> Ints:
        return np.array(self._marks, dtype=np.int32)

    @property
    def names(self) -> Ints:
        return np.array(self._names, dtype=np.int32)

    @property
    def days(self) -> Ints:
        """Rows of document, first day, last day, and the number of the unit they were named by."""
        return np.array(self._days, dtype=np.int32).reshape(-1, 4)
