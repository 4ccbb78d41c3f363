"""A session becomes a chat file of SillyTavern: what is in view is a line each, what was swiped away its swipes.

    PathChanged(swipe)      what it takes out of the path stood where its successor stands: one of its swipes
    choices of a turn       the first is the line, the others are its swipes
    asides                  lines that were brought in and never shown, behind the line that they stood behind

What was edited or deleted is not in the file: it has no place in SillyTavern's chat. Nor are tools' calls and results.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from api.archive.chat_file import SWIPED
from domain import path as paths
from domain.events import (
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    PathChanged,
    ReplyCompleted,
    ReplyExtended,
    SessionEvent,
    SessionForked,
    SessionStarted,
)
from domain.records import Json, JsonObject, PathCause, Role
from projections.lineage import Story

BEGINNING: Final = 0
"""Stands for the message before the first one."""

_MARKS: Final = ("swipe_id", "swipe_info")
"""Details that are not the line's own: that it has swipes, and what the file said of the one in view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A message as it is written into a line. `root` is the first text of which it is an edit, itself if none."""

    root: int
    role: Role
    name: str | None
    text: str
    said_at: str
    details: JsonObject


class Chat:
    """A chat that grows by the events of a session's whole axis, and can then be written. Swipes and asides are those
    of its `story`: a rewind left out the others."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._header: JsonObject = {}
        self._said: dict[int, _Said] = {}
        self._roots: dict[int, int] = {}
        self._path: array[int] = array("q")
        self._swipes = defaultdict[int, dict[int, int]](dict)
        """By the root of the message before: the latest text of each swipe by its root."""
        self._asides = defaultdict[int, list[int]](list)
        """By the root of the message before."""

    def take(self, event: SessionEvent) -> None:
        version = event.originator_version
        match event:
            case SessionStarted(details=details):
                self._header = details
            case SessionForked(path=path):
                self._path = array("q", paths.from_ranges(path))
            case MessageReceived():
                self._receive(event)
            case ReplyCompleted():
                self._reply(event)
            case MessageEdited(replaces=replaces, text=text) | ReplyExtended(replaces=replaces, text=text):
                self._edit(version, replaces, text)
            case PathChanged(cause=cause, splices=splices):
                if version in self._story:
                    self._leave(cause, splices)
                self._path = paths.apply_splices(self._path, splices)
            case MessageForgotten(of=of, versions=versions):
                for gone in {of, *versions}:
                    self._said.pop(gone, None)
            case _:
                pass

    def lines(self) -> Iterator[JsonObject]:
        """The header and the messages, in order."""
        shown = [version for version in self._path if version in self._said]
        user, character = self._called(shown, "user", "User"), self._called(shown, "assistant", "Assistant")
        yield self._header or {"user_name": user, "character_name": character, "chat_metadata": {}}
        names: dict[Role, str] = {"user": user, "assistant": character}
        yield from self._behind(BEGINNING, names)
        hidden, before = True, BEGINNING
        for version in shown:
            one = self._said[version]
            hidden = hidden and one.details.get("is_system") is True
            if one.text.strip() and one.role != "tool":
                back = not hidden and one.details.get("is_system") is True
                yield self._line(version, before, names) | ({"is_system": False} if back else {})
            before = one.root
            yield from self._behind(before, names)

    # -- what is taken in ----------------------------------------------------------------------------------------------

    def _receive(self, event: MessageReceived) -> None:
        version = event.originator_version
        self._say(
            version,
            _Said(
                root=version,
                role=event.role,
                name=event.name,
                text=event.text,
                said_at=event.said_at,
                details=event.details,
            ),
        )
        if event.origin != "backfilled":
            self._path.append(version)
        elif event.details and version in self._story:
            self._asides[self._root_at(len(self._path) - 1)].append(version)

    def _reply(self, event: ReplyCompleted) -> None:
        version = event.originator_version
        self._say(
            version,
            _Said(
                root=version,
                role="assistant",
                name=event.name,
                text=event.text,
                said_at=event.said_at,
                details={"send_date": event.said_at, "extra": {"model": event.model}},
            ),
        )
        if event.choice == 0:
            self._path.append(version)
        elif version in self._story:
            self._swipes[self._root_at(len(self._path) - 2)][version] = version

    def _edit(self, version: int, replaces: int, text: str) -> None:
        self._roots[version] = self._roots[replaces]
        if replaces in self._said:
            self._said[version] = replace(self._said[replaces], text=text)

    def _leave(self, cause: PathCause, splices: Sequence[paths.Splice]) -> None:
        for hunk in splices:
            # In a branch too the client shows another reply; without one there it only cut the chat.
            if hunk["out"] and (cause == "swipe" or (cause == "branch" and hunk["in"])):
                gone = hunk["out"][0][0]
                self._swipes[self._root_at(hunk["at"] - 1)][self._roots[gone]] = gone

    def _say(self, version: int, said: _Said) -> None:
        self._roots[version] = version
        self._said[version] = said

    def _root_at(self, place: int) -> int:
        return self._roots[self._path[place]] if place >= 0 else BEGINNING

    # -- what is written -----------------------------------------------------------------------------------------------

    def _called(self, shown: Sequence[int], role: Role, otherwise: str) -> str:
        named = (self._said[version].name for version in shown if self._said[version].role == role)
        told = self._header.get("user_name" if role == "user" else "character_name")
        return str(told or next(filter(None, named), otherwise))

    def _behind(self, root: int, names: Mapping[Role, str]) -> Iterator[JsonObject]:
        for version in self._asides[root]:
            one = self._said.get(version)
            if one is not None and version not in self._path:
                yield {**_plain(one, names), **one.details}

    def _line(self, version: int, before: int, names: Mapping[Role, str]) -> dict[str, Json]:
        one = self._said[version]
        line = {**_plain(one, names), **_without(one.details, _MARKS)}
        roots = {**self._swipes[before], one.root: version}
        swipes = [self._said[roots[root]] for root in sorted(roots) if roots[root] in self._said]
        swipes = [swipe for swipe in swipes if swipe.role == one.role]
        if len(swipes) > 1 or "swipe_id" in one.details:
            line |= {"swipes": [swipe.text for swipe in swipes], "swipe_id": swipes.index(one)}
            if "swipe_info" in one.details or "swipe_id" not in one.details:
                line["swipe_info"] = [_shown(one, line) if swipe is one else _beside(swipe) for swipe in swipes]
        return line


def _plain(one: _Said, names: Mapping[Role, str]) -> dict[str, Json]:
    """What every line says, and what it says where nobody brought anything else along."""
    who = names["user" if one.role == "user" else "assistant"]
    line: dict[str, Json] = {"name": one.name or who, "is_user": one.role == "user", "mes": one.text}
    if not one.details:
        line |= {"is_system": False, "send_date": one.said_at, "extra": {}}
    return line


def _shown(one: _Said, line: JsonObject) -> JsonObject:
    """What is known of the swipe in view: what its line says, unless the file said otherwise."""
    told = one.details.get("swipe_info")
    own: JsonObject = {name: line[name] for name in SWIPED if name in line}
    return cast("JsonObject", told) if isinstance(told, Mapping) else own


def _beside(one: _Said) -> JsonObject:
    """What is known of another swipe. One that was a line of its own had more to say than a swipe has."""
    if "swipe_id" in one.details or "is_system" in one.details:
        return {name: one.details[name] for name in SWIPED if name in one.details}
    return one.details


def _without(details: JsonObject, names: Iterable[str]) -> JsonObject:
    return {name: value for name, value in details.items() if name not in names}
