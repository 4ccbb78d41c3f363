"""What a transcript is compared with, kept warm: the messages of the sessions that are talking, without their texts.

Text never changes, so what was read once stays true until something is forgotten; each request adds what came since.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final
from uuid import UUID

from domain.known import Familiar, Known
from projections.remembered import Remembered

MESSAGES_KEPT: Final = 200_000
"""Messages known by heart, about 250 bytes each; those of the session unused for longest go first."""


@dataclass(slots=True)
class _Acquaintance:
    """One session's messages by version and by key, up to version `upto`, and the names of those who talk."""

    messages: dict[int, Familiar] = field(default_factory=dict[int, Familiar])
    by_key: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    names: set[str] = field(default_factory=set[str])
    upto: int = 0

    def add(self, new: Mapping[int, Familiar]) -> None:
        for version, message in new.items():
            self.messages[version] = message
            self.by_key.setdefault(message.key, []).append(version)
            self.upto = version
            if message.name:
                self.names.add(message.name)


class _Texts(Mapping[int, str]):
    """Texts of a session's messages, each read when it is asked for."""

    def __init__(self, remembered: Remembered, session: UUID, messages: Mapping[int, Familiar]) -> None:
        self._remembered = remembered
        self._session = session
        self._messages = messages

    def __getitem__(self, version: int) -> str:
        return self._remembered.messages(self._session, [version])[version].text

    def __iter__(self) -> Iterator[int]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)


class Acquaintances:
    """The sessions' messages as transcripts are compared with them. All methods block."""

    def __init__(self, remembered: Remembered, *, keep: int = MESSAGES_KEPT) -> None:
        self._remembered = remembered
        self._keep = keep
        self._kept: OrderedDict[UUID, _Acquaintance] = OrderedDict()
        self._epoch = (0, 0)
        self._lock = Lock()

    def known(self, session: UUID, path: Sequence[int]) -> Known:
        """What is known of the session, whose present path is given."""
        models = self._remembered.models
        with self._lock:
            mine = self._refreshed(session)
            self._drop_oldest()
        return Known(
            path=path,
            messages=mine.messages,
            by_key=mine.by_key,
            texts=_Texts(self._remembered, session, mine.messages),
            names=frozenset(mine.names),
            prompts=models.transcripts.prompts(session),
            former_path=lambda version: models.conversation.former_path(session, version),
            instructions=lambda: [one.text for one in models.instructions.instructions(session)],
        )

    def _refreshed(self, session: UUID) -> _Acquaintance:
        conversation, epoch = self._remembered.models.conversation, self._remembered.epoch()
        if epoch != self._epoch:
            self._epoch = epoch
            self._kept.clear()
        mine = self._kept.setdefault(session, _Acquaintance())
        self._kept.move_to_end(session)
        mine.add(conversation.familiar(session, after=mine.upto))
        return mine

    def _drop_oldest(self) -> None:
        while len(self._kept) > 1 and sum(len(one.messages) for one in self._kept.values()) > self._keep:
            self._kept.popitem(last=False)
