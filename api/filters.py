"""Filters on memories: by role, speaker, time, emotion and kind. Each narrows; a list of values means any of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from api.times import instant
from domain.errors import InvalidRequest
from domain.records import JsonObject

_WORDS: Final = ("role", "speaker", "emotion", "kind")
_TIMES: Final = ("after", "before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the filters look at. `said_at` is ISO 8601, empty when unknown."""

    kind: str
    role: str
    speaker: str
    said_at: str
    emotion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """`words` are the values allowed by field, in lower case; a memory passes from `after` on and until `before`."""

    words: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    after: datetime | None = None
    before: datetime | None = None

    @classmethod
    def read(cls, asked: JsonObject, called: str = "filters") -> "Filters":
        """Raises InvalidRequest for an unknown filter or a wrong value, which names the field they stand in as
        `called`; null filters nothing."""
        given = {name: value for name, value in asked.items() if value is not None}
        for name in given:
            if name not in (*_WORDS, *_TIMES):
                known = ", ".join((*_WORDS, *_TIMES))
                raise InvalidRequest(f"There is no filter '{name[:40]}'; known are {known}.", param=called)
        times = {name: _time(name, given[name], f"{called}.{name}") for name in _TIMES if name in given}
        return cls(
            words={name: _values(name, given[name], f"{called}.{name}") for name in _WORDS if name in given},
            after=times.get("after"),
            before=times.get("before"),
        )

    @property
    def any(self) -> bool:
        return bool(self.words) or self.after is not None or self.before is not None

    def record(self) -> JsonObject:
        """As `read` takes them."""
        times = {name: when.isoformat() for name in _TIMES if (when := getattr(self, name)) is not None}
        return {**{name: [*sorted(values)] for name, values in self.words.items()}, **times}

    def pass_(self, memory: Memory) -> bool:
        """Whether the memory meets all of them. One without a date meets no filter on time."""
        fits = all(self.allow(name, getattr(memory, name)) for name in self.words)
        return fits and self._in_time(memory.said_at)

    def allow(self, name: str, value: str | None) -> bool:
        """Whether the filter of that name, if there is one, lets the value pass."""
        return name not in self.words or (value or "").casefold() in self.words[name]

    def _in_time(self, said_at: str) -> bool:
        if self.after is None and self.before is None:
            return True
        when = instant(said_at)
        if when is None:
            return False
        return (self.after is None or when >= self.after) and (self.before is None or when < self.before)


def _values(name: str, value: object, param: str) -> frozenset[str]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = [one for one in values if isinstance(one, str)]
    if len(texts) != len(values):
        raise InvalidRequest(f"The filter {name} is a string or a list of strings.", param=param)
    return frozenset(text.casefold() for text in texts)


def _time(name: str, value: object, param: str) -> datetime:
    when = instant(value)
    if when is None:
        raise InvalidRequest(f"The filter {name} is an ISO 8601 date or seconds since the epoch.", param=param)
    return when
