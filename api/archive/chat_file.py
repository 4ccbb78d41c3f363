"""A chat file of SillyTavern, read: a header, then a message a line.

    {"user_name": "Robin", "character_name": "Mira", "chat_metadata": {…}}         old group chats have none
    {"name": "Mira", "is_user": false, "mes": "…", "send_date": …, "swipes": ["…", "…"], "swipe_id": 1, …}

Every line is checked before the first becomes a message, and a wrong one is named by its number. What a line says
beyond its text, speaker and date is kept as its details, unread, and stands in the exported file again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, cast

from api.archive.chat_dates import chat_date
from api.archive.dialogue import dated
from api.archive.lines import numbered
from domain.errors import InvalidRequest
from domain.messages import Message
from domain.records import Json, JsonObject, Role

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""

NOTHING: Final[JsonObject] = {}

STEP: Final = 500
"""Lines between two words about how far it is."""

SWIPED: Final = ("send_date", "gen_started", "gen_finished", "extra")
"""What each swipe has of its own; of the one in view the line has it too."""

_SAID: Final = frozenset({"name", "is_user", "mes"})
_SWIPES: Final = frozenset({"swipes", "swipe_id", "swipe_info"})


def silent(done: int, total: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """A line of the chat: the texts it has had so far, each a message, and which of them stands there now.

    `in_view` is false for what the client shows and never sends: comments, narration, hidden and empty messages.
    """

    swipes: Sequence[Message]
    chosen: int
    in_view: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFile:
    """A file that was checked. `undated` lines have a date that nobody can read."""

    header: JsonObject
    entries: Sequence[object]
    dates: Sequence[datetime]
    undated: int

    def lines(self, progress: Progress = silent) -> Iterator[ChatLine]:
        """The chat from its first line on, each read when it is asked for."""
        said = zip(_entries(self.entries), self.dates, strict=True)
        hidden = True
        for place, ((number, entry), when) in enumerate(said):
            line = _Line.of(entry, number)
            hidden = hidden and line.hidden
            # Hidden from the head on means trimmed, as in a prompt: it is still remembered.
            yield line.read(when, in_view=line.speaks and (hidden or not line.hidden))
            if place % STEP == 0 or place + 1 == len(self.dates):
                progress(place + 1, len(self.dates))


def is_chat(entries: Sequence[object]) -> bool:
    """Whether these lines are a chat file of SillyTavern."""
    first = _fields_of(entries[0] if entries else None)
    return _is_header(first) or "mes" in first


def read_chat(entries: Sequence[object], now: datetime) -> ChatFile:
    """The file, each of its lines checked. Raises InvalidRequest that names the first wrong one by its number."""
    first = _fields_of(entries[0])
    times: list[datetime | None] = []
    undated = 0
    for number, entry in _entries(entries):
        line = _Line.of(entry, number)
        times.append(chat_date(line.date))
        undated += times[-1] is None and line.date not in (None, "")
    if not times:
        raise InvalidRequest("There is nothing to import: the chat has no messages.", param="lines")
    header = first if _is_header(first) else NOTHING
    return ChatFile(header=header, entries=entries, dates=dated(times, now), undated=undated)


def _is_header(first: JsonObject) -> bool:
    return "mes" not in first and ("chat_metadata" in first or {"user_name", "character_name"} <= first.keys())


def _fields_of(entry: object) -> JsonObject:
    return cast("JsonObject", entry) if isinstance(entry, Mapping) else NOTHING


def _entries(entries: Sequence[object]) -> Iterator[tuple[int, object]]:
    """The messages' lines with their numbers."""
    for place, (number, entry) in enumerate(numbered(entries)):
        if place or not _is_header(_fields_of(entry)):
            yield number, entry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line's fields, of the types that they should have."""

    fields: JsonObject
    name: str | None
    role: Role
    text: str
    swipes: Sequence[str] | None
    swipe: int

    @classmethod
    def of(cls, entry: object, number: int) -> "_Line":
        if not isinstance(entry, Mapping):
            raise _wrong(number, "it must be an object.")
        fields = cast("JsonObject", entry)
        text, name, is_user, swipes = (fields.get(key) for key in ("mes", "name", "is_user", "swipes"))
        if not isinstance(text, str):
            raise _wrong(number, "it has no text: mes must be a string.", "mes")
        if name is not None and not isinstance(name, str):
            raise _wrong(number, "name must be a string.", "name")
        if not isinstance(is_user, bool | None):
            raise _wrong(number, "is_user must be true or false.", "is_user")
        role: Role = "user" if is_user else "assistant"
        told = None if swipes is None else _swipes(swipes, number)
        at = fields.get("swipe_id")
        swipe = at if isinstance(at, int) and at >= 0 else 0
        return cls(fields=fields, name=name or None, role=role, text=text, swipes=told, swipe=swipe)

    @property
    def date(self) -> object:
        return self.fields.get("send_date")

    @property
    def hidden(self) -> bool:
        return self.fields.get("is_system") is True

    @property
    def speaks(self) -> bool:
        """Whether it is said by one of the two, and not by the program or a narrator."""
        extra = self.fields.get("extra")
        told: JsonObject = extra if isinstance(extra, Mapping) else {}
        kind = told.get("type")
        by_the_program = (self.hidden and bool(kind)) or kind == "narrator" or bool(told.get("tool_invocations"))
        return bool(self.text.strip()) and not by_the_program

    def read(self, when: datetime, *, in_view: bool) -> ChatLine:
        """What it says are messages of the date `when`; swipes may have dates of their own."""
        if not in_view:
            rest = {name: self.fields[name] for name in self.fields if name not in _SAID}
            aside = replace(self._message(self.text, when, rest), origin="backfilled")
            return ChatLine(swipes=[aside], chosen=0, in_view=False)
        texts = list(self.swipes or ())
        chosen = self.swipe if self.swipe < len(texts) else self._place_in(texts)
        texts[chosen : chosen + 1] = [self.text]  # what stands in the line is what is shown, should they differ
        infos = self._infos(len(texts))
        own = {name: self.fields[name] for name in self.fields if name not in _SAID | _SWIPES}
        if self.swipes is not None:
            own["swipe_id"] = chosen
        if "swipe_info" in self.fields:
            shown = {name: self.fields[name] for name in SWIPED if name in self.fields}
            own["swipe_info"] = None if infos[chosen] == shown else infos[chosen]
        messages = [
            self._message(text, when, own)
            if place == chosen
            else self._message(text, chat_date(info.get("send_date")) or when, info)
            for place, (text, info) in enumerate(zip(texts, infos, strict=True))
        ]
        return ChatLine(swipes=messages, chosen=chosen, in_view=True)

    def _place_in(self, texts: Sequence[str]) -> int:
        return texts.index(self.text) if self.text in texts else len(texts)

    def _infos(self, count: int) -> list[JsonObject]:
        """What is known of each swipe; nothing, where the list is too short or odd."""
        told = self.fields.get("swipe_info")
        given = list(told) if isinstance(told, list) else []
        return [one if isinstance(one, Mapping) else {} for one in [*given[:count], *[None] * (count - len(given))]]

    def _message(self, text: str, when: datetime, details: JsonObject) -> Message:
        return Message(
            role=self.role,
            text=text,
            name=self.name,
            said_at=when.astimezone(UTC).isoformat(),
            origin="imported",
            details=details,
        )


def _swipes(value: Json, number: int) -> list[str]:
    texts = cast("list[object]", value) if isinstance(value, list) else [value]
    if not isinstance(value, list) or not all(text is None or isinstance(text, str) for text in texts):
        raise _wrong(number, "swipes must be a list of texts.", "swipes")
    return [text if isinstance(text, str) else "" for text in texts]


def _wrong(number: int, reason: str, field: str = "") -> InvalidRequest:
    param = f"lines.{number}.{field}" if field else f"lines.{number}"
    return InvalidRequest(f"Line {number}: {reason}", param=param)
