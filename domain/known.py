"""What is known of a session when a transcript comes in: every message there ever was, the path, the prompts before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.records import Role, TranscriptRecord


@dataclass(frozen=True, slots=True)
class Familiar:
    """A message that the session knows, without its text. `ours` says that a model of ours wrote it."""

    role: Role
    key: int
    ours: bool
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """What the session's earlier prompts looked like.

    `latest` are the last ones, oldest first; `endings` has for each persona the instructions that ever stood last;
    `learned` the keys of texts that turned out to be injections; `cut` the messages that a rewind took off the path and
    that the client does not know to be gone.
    """

    latest: Sequence[TranscriptRecord] = ()
    endings: Mapping[int | None, frozenset[int]] = field(default_factory=dict[int | None, frozenset[int]])
    learned: frozenset[int] = frozenset()
    cut: frozenset[int] = frozenset()

    @property
    def last(self) -> TranscriptRecord | None:
        return self.latest[-1] if self.latest else None


def nowhere(_version: int) -> Sequence[int]:
    """The former path of a session that has none."""
    return ()


def nothing() -> Sequence[str]:
    """The instructions of a session that has none."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A session's messages by version and by key, on the path or off it.

    `texts` may read what it is asked for when it is asked. `former_path` is the path on which a message stood last.
    """

    path: Sequence[int] = ()
    messages: Mapping[int, Familiar] = field(default_factory=dict[int, Familiar])
    by_key: Mapping[int, Sequence[int]] = field(default_factory=dict[int, Sequence[int]])
    texts: Mapping[int, str] = field(default_factory=dict[int, str])
    names: frozenset[str] = frozenset()
    prompts: Prompts = field(default_factory=Prompts)
    former_path: Callable[[int], Sequence[int]] = nowhere
    instructions: Callable[[], Sequence[str]] = nothing

    def keys(self, path: Sequence[int]) -> list[int]:
        return [self.messages[version].key for version in path]
