"""An exported session as lines of JSON, written and read.

    {"heartline_export": 1, "session_id", "version", "chain", "exported"}      once, first
    {"version", "type", "created", "data"}                                     an event, in order from version 1 on
    {"vector", "version", "part", "embedder"}                                  a stored vector: base64 of its bytes
    {"image"}                                                                  an image that messages show: a data URL

A fork's export has its ancestors' events too, so that it needs nobody else. What is read comes from a stranger: every
line is checked, and the events together must be a session that can have happened (`inspection.py`).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Final, Protocol, cast
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from api.archive.inspection import Inspection
from api.archive.lines import numbered
from api.pictures import picture
from api.ports import Picture
from api.times import EARLIEST, LATEST, is_ordinary
from domain.errors import InvalidRequest
from domain.events import MessageReceived, SessionEvent, SessionForked
from domain.records import Json, JsonObject
from domain.session import Session, session_id
from projections.catalogue import SessionEntry
from projections.ports import StoredVector
from projections.session_index import Embedders
from projections.token_vectors import TokenVectors
from projections.vectors import VectorRow

FORM: Final = 1
_PART: Final = re.compile(r"query|[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """An event of an export in the session it shall have."""

    session: UUID
    version: int
    type: str
    created: datetime
    data: JsonObject


class ForeignEvents(Protocol):
    """Makes events of facts that somebody else wrote down, perhaps in an older form."""

    def event(self, facts: EventFacts) -> SessionEvent:
        """The event in its present form. Raises InvalidRequest for an unknown type or data of another shape."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A session that was brought along, ready to be appended."""

    session: Session
    events: Sequence[SessionEvent]
    vectors: Sequence[StoredVector] = ()
    pictures: Sequence[Picture] = ()
    told: JsonObject = field(default_factory=dict[str, Json])
    """What else there is to say about what was read."""


@dataclass(frozen=True, kw_only=True)
class NewName:
    """Whose the session shall be, and what it shall be called."""

    owner: str
    external_id: str

    @cached_property
    def session(self) -> UUID:
        return session_id(self.owner, self.external_id)


def header_json(entry: SessionEntry, exported: str) -> dict[str, Json]:
    """The first line: which session as of which version, and the head of its hash chain there."""
    return {
        "heartline_export": FORM,
        "session_id": entry.external_id,
        "version": entry.version,
        "chain": entry.chain,
        "exported": exported,
    }


def vector_json(row: VectorRow, embedder: str) -> dict[str, Json]:
    """The line of a vector."""
    vector = base64.b64encode(row.vector).decode()
    return {"vector": vector, "version": row.version, "part": row.part, "embedder": embedder}


def images_in(events: Iterable[SessionEvent]) -> dict[str, str]:
    """The images that messages among the events show: their media types by their sha256."""
    shown = (image for event in events if isinstance(event, MessageReceived) for image in event.images)
    return {image["sha256"]: image["media_type"] for image in shown}


def image_json(media_type: str, content: bytes) -> dict[str, Json]:
    """The line of an image."""
    return {"image": f"data:{media_type};base64,{base64.b64encode(content).decode()}"}


def is_export(lines: Sequence[object]) -> bool:
    """Whether these lines are an export of ours."""
    return bool(lines) and isinstance(lines[0], Mapping) and "heartline_export" in lines[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReader:
    """Reads exports. Vectors of ours must have `dimensions` numbers."""

    foreign: ForeignEvents
    embedders: Embedders
    dimensions: int

    def read(self, lines: Sequence[object], name: NewName) -> Imported:
        """The session of the lines under its new name. Raises InvalidRequest that names the first wrong line."""
        header = _object(lines[0], 1)
        if header.get("heartline_export") != FORM:
            raise _wrong(1, f"this Heartline reads exports of form {FORM} only.")
        inspection = Inspection()
        vectors: list[StoredVector] = []
        pictures: dict[str, Picture] = {}
        for number, line in islice(numbered(lines), 1, None):
            fields = _object(line, number)
            try:
                if "image" in fields:
                    found = picture(str(fields["image"]), "image")
                    pictures[found.sha256] = found
                elif "vector" in fields:
                    vectors.append(self._vector(fields, name.session, inspection.version))
                else:
                    inspection.take(self._event(fields, name, inspection))
            except InvalidRequest as error:
                raise _wrong(number, error.message) from error
        if header.get("version") != inspection.version:
            raise InvalidRequest(
                f"The export is cut off: it has {inspection.version} events of {header.get('version')}.", param="lines"
            )
        if missing := images_in(inspection.events).keys() - pictures.keys():
            raise InvalidRequest(f"The export lacks the image {min(missing)} that a message shows.", param="lines")
        return Imported(
            session=inspection.session, events=inspection.events, vectors=vectors, pictures=list(pictures.values())
        )

    def _event(self, fields: JsonObject, name: NewName, inspection: Inspection) -> SessionEvent:
        version, kind, data = fields.get("version"), fields.get("type"), fields.get("data")
        if type(version) is not int or version != inspection.version + 1:
            raise InvalidRequest(f"version {inspection.version + 1} is missing.")
        if not isinstance(kind, str) or not isinstance(data, Mapping):
            raise InvalidRequest("an event has a type and data.")
        facts = EventFacts(
            session=name.session, version=version, type=kind, created=_created(fields.get("created")), data=data
        )
        if kind == SessionForked.TOPIC:
            return inspection.grown(facts.session, facts.created)
        return self.foreign.event(_renamed(facts, name) if version == 1 else facts)

    def _vector(self, fields: JsonObject, session: UUID, known: int) -> StoredVector:
        version, part, embedder = fields.get("version"), fields.get("part"), fields.get("embedder")
        if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= known:
            raise InvalidRequest("a vector comes behind the event that it is of.")
        if not isinstance(part, str) or not _PART.fullmatch(part) or not isinstance(embedder, str):
            raise InvalidRequest("a vector has a part and an embedder.")
        vector = _bytes(fields["vector"])
        if embedder == self.embedders.tokens:
            _check_tokens(vector)
        elif not embedder.startswith(f"{self.embedders.vectors}:"):  # token vectors of another projection are bytes
            self._check_numbers(np.frombuffer(vector, dtype="<f2"), embedder)
        return StoredVector(session=session, version=version, part=part, embedder=embedder, vector=vector)

    def _check_numbers(self, numbers: NDArray[np.float16], embedder: str) -> None:
        if embedder == self.embedders.vectors and len(numbers) != self.dimensions:
            raise InvalidRequest(f"a vector of {embedder} has {self.dimensions} numbers.")
        if not np.isfinite(numbers).all():
            raise InvalidRequest("a vector has finite numbers.")


def _check_tokens(packed: bytes) -> None:
    try:
        TokenVectors.unpacked(packed)
    except ValueError as error:
        raise InvalidRequest("token vectors are cut off.") from error


def _renamed(facts: EventFacts, name: NewName) -> EventFacts:
    data = {**facts.data, "owner": name.owner, "external_id": name.external_id}
    return EventFacts(session=facts.session, version=facts.version, type=facts.type, created=facts.created, data=data)


def _object(line: object, number: int) -> JsonObject:
    if not isinstance(line, dict):
        raise _wrong(number, "it must be an object.")
    return cast("JsonObject", line)


def _created(value: object) -> datetime:
    try:
        created = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        created = None
    if created is None or created.tzinfo is None or not is_ordinary(created):
        raise InvalidRequest(f"created must be an ISO 8601 date with its offset, of the years {EARLIEST} to {LATEST}.")
    return created


def _bytes(value: object) -> bytes:
    try:
        vector = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except binascii.Error:
        vector = b""
    if not vector or len(vector) % 2:
        raise InvalidRequest("a vector is base64 of its numbers.")
    return vector


def _wrong(number: int, reason: str) -> InvalidRequest:
    return InvalidRequest(f"Line {number}: {reason}", param=f"lines.{number}")
