"""Bringing sessions in and out: conversations from elsewhere, and whole sessions with their past.

    import        read and check everything -> one append -> the rest (vectors, emotions, summary) in the background
    export        events, images and vectors as JSONL, a page at a time
    export_chat   what is in view and its swipes, as a chat file of SillyTavern

Nothing is half imported: what is wrong anywhere stores nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID, uuid4

import orjson

from api.access.room import Room, boundless
from api.archive.chat_export import Chat
from api.archive.chat_file import ChatFile, Progress, is_chat, read_chat, silent
from api.archive.chat_import import bring
from api.archive.dialogue import Cast, read_dialogue
from api.archive.exports import (
    ExportReader,
    Imported,
    NewName,
    header_json,
    image_json,
    images_in,
    is_export,
    vector_json,
)
from api.ports import EventLog
from api.sessions.axis import Axis, event_json
from api.sessions.reader import Asked, Reader
from domain.errors import Conflict, InvalidRequest, VersionConflict
from domain.events import SessionEvent
from domain.messages import Instruction, Message, leading
from domain.operations import Append
from domain.records import JsonObject
from domain.session import Session
from projections.follower import Follower
from projections.read_models import ReadModels

NOTHING_KNOWN: Final = (
    "This is nothing that can be imported: neither a list of messages, nor a chat file of SillyTavern (.jsonl), nor an "
    "export of Heartline."
)

PAGE: Final = 500
"""Events, or vectors, that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Imports and exports sessions. `noted` is told of each session imported, so that its texts are encoded soon."""

    log: EventLog
    follower: Follower
    models: ReadModels
    exports: ExportReader
    clock: Callable[[], datetime]
    noted: Callable[[UUID], None]
    room: Room = boundless

    # -- in ------------------------------------------------------------------------------------------------------------

    async def import_(
        self, owner: str, payload: JsonObject, session: str | None, *, progress: Progress = silent
    ) -> JsonObject:
        """A new session, named `session` if given, of `{"messages": […]}` (with `user` and `assistant` naming the
        speakers, if need be) or `{"lines": […]}`: an export of ours, a chat file of SillyTavern, or a message a line.

        `progress` is told of the lines of a chat file, in another thread. Raises InvalidRequest that names the wrong
        entry, Conflict when the name is taken, and TooManySessions; nothing is stored then.
        """
        name = NewName(owner=owner, external_id=session or uuid4().hex)
        if await asyncio.to_thread(self.log.read_session, name.session, 0, 1):
            raise _taken(name)
        await self.room(owner)
        imported = await asyncio.to_thread(self._read, payload, name, progress)
        try:
            await self.log.append(name.session, 0, imported.events, imported.vectors, pictures=imported.pictures)
        except VersionConflict as error:
            raise _taken(name) from error
        self.noted(name.session)
        return {
            "session_id": name.external_id,
            "messages": len(imported.session.path),
            "version": imported.session.version,
            **imported.told,
        }

    def _read(self, payload: JsonObject, name: NewName, progress: Progress) -> Imported:
        entries, called = _entries(payload)
        if called == "line" and is_export(entries):
            return self.exports.read(entries, name)
        if called == "line" and is_chat(entries):
            return _begun_as_chat(read_chat(entries, self.clock()), name, progress)
        cast_of = Cast(user=_name_in(payload, "user"), assistant=_name_in(payload, "assistant"))
        dialogue = read_dialogue(entries, cast_of=cast_of, now=self.clock(), called=called)
        return replace(_begun(dialogue.messages, name), pictures=dialogue.pictures)

    # -- out -----------------------------------------------------------------------------------------------------------

    async def export(self, owner: str, session: str) -> AsyncGenerator[bytes, None]:
        """Pieces of JSONL: a header, then every event, image and vector. NotFound is raised before the first piece."""
        reader = Reader(follower=self.follower, models=self.models)
        asked = await reader.ask(owner, session, None, lambda asked: asked)
        yield _jsonl([header_json(asked.entry, self.clock().isoformat())])
        written = 0
        images: dict[str, str] = {}
        while written < asked.version:
            page = await asyncio.to_thread(self._events, asked, written)
            written += len(page)
            images |= images_in(page)
            yield _jsonl(map(event_json, page))
        for sha256, media_type in images.items():
            yield _jsonl([image_json(media_type, await asyncio.to_thread(self.log.read_image, sha256))])
        for embedder in await asyncio.to_thread(self.models.vectors.embedders, asked.id, asked.version):
            for page in await asyncio.to_thread(self._vectors, asked, embedder):
                yield page

    async def export_chat(self, owner: str, session: str) -> AsyncGenerator[bytes, None]:
        """Pieces of a chat file of SillyTavern. NotFound is raised before the first piece."""
        reader = Reader(follower=self.follower, models=self.models)
        asked = await reader.ask(owner, session, None, lambda asked: asked)
        lines = (await asyncio.to_thread(self._chat, asked)).lines()
        while piece := await asyncio.to_thread(lambda: _jsonl(islice(lines, PAGE))):
            yield piece

    def _chat(self, asked: Asked) -> Chat:
        chat, after = Chat(self.models.lineage.story(asked.id, asked.version)), 0
        while after < asked.version:
            page = self._events(asked, after)
            for event in page:
                chat.take(event)
            after = page[-1].originator_version
        return chat

    def _events(self, asked: Asked, after: int) -> list[SessionEvent]:
        axis = Axis(self.log, self.models.lineage)
        return [one.event for one in axis.events(asked.id, after=after, limit=PAGE, at=asked.version)]

    def _vectors(self, asked: Asked, embedder: str) -> list[bytes]:
        rows = self.models.vectors.rows(asked.id, embedder, asked.version)
        lines = [vector_json(row, embedder) for row in rows]
        return [_jsonl(lines[start : start + PAGE]) for start in range(0, len(lines), PAGE)]


def _entries(payload: JsonObject) -> tuple[Sequence[object], str]:
    """What is to be read, and what an entry of it is called. Raises InvalidRequest."""
    if "messages" not in payload and "lines" not in payload and (is_export([payload]) or is_chat([payload])):
        return [payload], "line"  # a file of one line
    called = "line" if "lines" in payload else "message"
    entries = payload.get(f"{called}s")
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise InvalidRequest(NOTHING_KNOWN, param=f"{called}s")
    return entries, called


def _begun(dialogue: Sequence[Message | Instruction], name: NewName) -> Imported:
    session = Session.start(owner=name.owner, external_id=name.external_id, identified_by="import")
    session.receive(
        turn=None,
        instructions=[entry for entry in dialogue if isinstance(entry, Instruction)],
        leading=leading(dialogue),
        operations=[Append(entry) for entry in dialogue if isinstance(entry, Message)],
    )
    return Imported(session=session, events=session.collect())


def _begun_as_chat(chat: ChatFile, name: NewName, progress: Progress) -> Imported:
    session = Session.start(owner=name.owner, external_id=name.external_id, identified_by="import", details=chat.header)
    brought = bring(session, chat, progress)
    told: JsonObject = {"swipes": brought.swipes, "out_of_view": brought.out_of_view, "undated": chat.undated}
    return Imported(session=session, events=session.collect(), told=told)


def _name_in(payload: JsonObject, field: str) -> str | None:
    name = payload.get(field)
    if name is not None and not isinstance(name, str):
        raise InvalidRequest(f"{field} must name a speaker.", param=field)
    return name


def _taken(name: NewName) -> Conflict:
    return Conflict(f"There is a session {name.external_id} already; import under another name.", param="id")


def _jsonl(lines: Iterable[JsonObject]) -> bytes:
    return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
