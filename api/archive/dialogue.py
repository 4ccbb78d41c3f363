"""A conversation that somebody brings along, read: OpenAI's messages and the plain shape become ours.

    {"role": "user", "content": "Hi"}                    OpenAI's; content may be a list of parts
    {"speaker": "Robin", "text": "Hi", "time": "…"}      the plain shape; the first speaker is the user

Entries may mix both. Every mistake names the entry by its number, counted from 1. Stores nothing, knows no clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from api.archive.lines import numbered
from api.contents import DIALOGUE, INSTRUCTIONS, Content, content_of
from api.ports import Picture
from api.times import EARLIEST, LATEST, instant
from domain.errors import InvalidRequest
from domain.messages import Instruction, Message
from domain.records import InstructionRole, JsonObject, Role

_STEP: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Which speakers are the user and the assistant, where somebody said so."""

    user: str | None = None
    assistant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A message as it was brought, without its date."""

    role: Role | InstructionRole
    name: str | None
    content: Content
    tool_calls: list[JsonObject]
    tool_call_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A conversation that was read, and the images that its messages show."""

    messages: Sequence[Message | Instruction]
    pictures: Sequence[Picture]


def read_dialogue(entries: Sequence[object], *, cast_of: Cast, now: datetime, called: str = "message") -> Dialogue:
    """The messages in order, each with a date. `called` is what an entry is called in errors.

    Speakers named user, assistant or system are these; of the others the first is the user, unless the cast names one,
    and all further ones speak as the assistant under their names. Raises InvalidRequest.
    """
    if not entries:
        raise InvalidRequest("There is nothing to import: no messages.", param=f"{called}s")
    lines = [(place := _Place(called, number), _fields(entry, place)) for number, entry in numbered(entries)]
    speakers = _Speakers(cast_of, [line.get("speaker") for _, line in lines])
    read = [_entry(line, place, speakers) for place, line in lines]
    times = [_time(line, place) for place, line in lines]
    pictures = {picture.sha256: picture for entry in read for picture in entry.content.pictures}
    return Dialogue(
        messages=[_message(entry, when) for entry, when in zip(read, dated(times, now), strict=True)],
        pictures=list(pictures.values()),
    )


def dated(times: Sequence[datetime | None], now: datetime) -> list[datetime]:
    """A date for each: those given; after one the missing follow by a second each, before the first they precede it.

    When none is given the last is now.
    """
    first = next((place for place, when in enumerate(times) if when is not None), len(times) - 1)
    start = (times[first] or now) - first * _STEP
    found: list[datetime] = []
    for when in times:
        found.append(when or (found[-1] + _STEP if found else start))
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a mistake is."""

    called: str
    number: int

    @property
    def path(self) -> str:
        return f"{self.called}s.{self.number}"

    def wrong(self, reason: str, field: str = "") -> InvalidRequest:
        param = f"{self.path}.{field}" if field else self.path
        return InvalidRequest(f"{self.called.capitalize()} {self.number}: {reason}", param=param)


class _Speakers:
    """Gives each speaker a role, the same one throughout."""

    def __init__(self, cast_of: Cast, speakers: Sequence[object]) -> None:
        names = [speaker for speaker in speakers if isinstance(speaker, str)]
        strangers = (name for name in names if name.casefold() not in DIALOGUE and name.casefold() not in INSTRUCTIONS)
        user = cast_of.user
        if user is None and not any(name.casefold() == "user" for name in names):
            user = next((name for name in strangers if name != cast_of.assistant), None)
        self._user = user

    def role_of(self, speaker: str) -> tuple[Role | InstructionRole, str | None]:
        known = speaker.casefold()
        if known in DIALOGUE or known in INSTRUCTIONS:
            return _role(known), None
        return ("user" if speaker == self._user else "assistant"), speaker


def _fields(entry: object, place: _Place) -> Mapping[str, object]:
    if not isinstance(entry, dict):
        raise place.wrong("it must be an object with a role (or speaker) and a content (or text).")
    return cast("dict[str, object]", entry)


def _entry(line: Mapping[str, object], place: _Place, speakers: _Speakers) -> _Entry:
    role, name = _who(line, place, speakers)
    calls = _tool_calls(line, place)
    content = _content(line, place, may_be_empty=bool(calls))
    answers = line.get("tool_call_id")
    if answers is not None and not isinstance(answers, str):
        raise place.wrong("tool_call_id must be a string.", "tool_call_id")
    if role in INSTRUCTIONS and calls:
        raise place.wrong("an instruction calls no tools.", "tool_calls")
    if role not in ("user", "assistant") and content.images:
        raise place.wrong("only the user or the assistant shows images.", "content")
    return _Entry(role=role, name=name, content=content, tool_calls=calls, tool_call_id=answers)


def _who(line: Mapping[str, object], place: _Place, speakers: _Speakers) -> tuple[Role | InstructionRole, str | None]:
    speaker = _string(line, "speaker", place)
    role = _string(line, "role", place)
    name = _string(line, "name", place)
    if role is not None:
        if role not in DIALOGUE and role not in INSTRUCTIONS:
            raise place.wrong(f"unknown role '{role[:40]}'.", "role")
        return _role(role), name or speaker
    if speaker is None:
        raise place.wrong("it needs a role or a speaker.", "role")
    found, called = speakers.role_of(speaker)
    return found, name or called


def _role(role: str) -> Role | InstructionRole:
    return DIALOGUE[role] if role in DIALOGUE else INSTRUCTIONS[role]


def _content(line: Mapping[str, object], place: _Place, *, may_be_empty: bool) -> Content:
    field = "text" if "text" in line else "content"
    content = line.get(field)
    if content is None and may_be_empty:
        return Content("")
    try:
        read = content_of(content, f"{place.path}.{field}")
    except InvalidRequest as error:
        raise InvalidRequest(place.wrong(error.message).message, param=error.param) from error
    if not read.text.strip() and not read.images and not may_be_empty:
        raise place.wrong("its text is empty.", field)
    return read


def _tool_calls(line: Mapping[str, object], place: _Place) -> list[JsonObject]:
    value = line.get("tool_calls")
    if value is None:
        return []
    calls = cast("list[object]", value) if isinstance(value, list) else None
    if calls is None or not all(isinstance(call, dict) for call in calls):
        raise place.wrong("tool_calls must be a list of objects.", "tool_calls")
    return cast("list[JsonObject]", calls)


def _string(line: Mapping[str, object], field: str, place: _Place) -> str | None:
    value = line.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise place.wrong(f"{field} must be a string that is not empty.", field)
    return value.strip()


def _time(line: Mapping[str, object], place: _Place) -> datetime | None:
    value = line.get("time")
    if value is None:
        return None
    when = instant(value)
    if when is None:
        allowed = f"an ISO 8601 date (of the years {EARLIEST} to {LATEST}), seconds since the epoch, or null"
        raise place.wrong(f"time must be {allowed}.", "time")
    return when


def _message(entry: _Entry, when: datetime) -> Message | Instruction:
    if entry.role in INSTRUCTIONS:
        return Instruction(role=INSTRUCTIONS[entry.role], text=entry.content.text, name=entry.name)
    return Message(
        role=DIALOGUE[entry.role],
        text=entry.content.text,
        images=list(entry.content.images),
        name=entry.name,
        said_at=when.astimezone(UTC).isoformat(),
        origin="imported",
        tool_calls=entry.tool_calls,
        tool_call_id=entry.tool_call_id,
    )
