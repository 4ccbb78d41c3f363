"""Two sessions side by side: what each knows that the other does not.

Messages are the same where they are of the same event; an equal text said twice is two messages.
"""

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from api.sessions.reader import Asked
from api.sessions.states import States, message_json
from domain.records import Json, JsonObject
from projections.memories import CarriedMemory
from projections.messages import PathMessage
from projections.read_models import ReadModels

T = TypeVar("T")

Place = tuple[str, int]
"""A session and the version of an event of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Compares sessions as they are now. Blocks."""

    models: ReadModels
    states: States

    def between(self, one: Asked, other: Asked) -> JsonObject:
        """What is in view, persona, summary and emotion of both; `common` is null where they share no past."""
        paths = [_by_place(self.models.conversation.messages(asked.id)) for asked in (one, other)]
        carried = [self._carried(asked) for asked in (one, other)]
        root = self._root(one, other)
        common: dict[str, Json] | None = None
        if root is not None:
            shared = [place for place in paths[0] if place in paths[1]]
            common = {"session_id": self._name(root[0]), "version": root[1], "messages": len(shared)}
        return {
            "object": "diff",
            "common": common,
            "a": self._side(one, _only(paths[0], paths[1]), _only(carried[0], carried[1])),
            "b": self._side(other, _only(paths[1], paths[0]), _only(carried[1], carried[0])),
        }

    def _side(self, asked: Asked, messages: list[PathMessage], carried: list[CarriedMemory]) -> dict[str, Json]:
        state = self.states.state(asked)
        return {
            "session_id": asked.entry.external_id,
            "version": asked.version,
            "path_length": state["messages"],
            "messages": [message_json(message) for message in messages],
            "carried": [self._carried_json(memory) for memory in carried],
            **{name: state[name] for name in ("persona", "summary", "emotion")},
        }

    def _carried(self, asked: Asked) -> dict[Place, CarriedMemory]:
        """What may be recalled: not what was carried into a time that a rewind left."""
        story = self.models.lineage.story(asked.id)
        memories = self.models.memories.carried(asked.id)
        return {(one.source_session, one.source_version): one for one in memories if one.version in story}

    def _carried_json(self, memory: CarriedMemory) -> dict[str, Json]:
        source: JsonObject = {"session_id": self._name(memory.source_session), "version": memory.source_version}
        return {"version": memory.version, "from": source, "role": memory.role, "text": memory.text}

    def _name(self, session: str) -> str | None:
        """The client's name for a session; null once that is gone."""
        entry = self.models.catalogue.by_id(UUID(session))
        return entry.external_id if entry is not None else None

    def _root(self, one: Asked, other: Asked) -> Place | None:
        """The last version that both have from the same event, and whose it is."""
        root: Place | None = None
        stretches = [self.models.lineage.stretches(asked.id, asked.version) for asked in (one, other)]
        for ours, theirs in zip(*stretches, strict=False):
            if ours.origin != theirs.origin:
                break
            root = (ours.origin, min(ours.upto, theirs.upto))
            if ours.upto != theirs.upto:
                break
        return root


def _by_place(messages: list[PathMessage]) -> dict[Place, PathMessage]:
    return {(message.session, message.version): message for message in messages}


def _only(mine: dict[Place, T], theirs: dict[Place, T]) -> list[T]:
    return [thing for place, thing in mine.items() if place not in theirs]
