"""Everything a session remembers, whichever view keeps it: what recall indexes, what can be quoted, what replay needs.

Reads the views and writes nothing. All methods block; call them off the event loop.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final
from uuid import UUID

import numpy as np

from domain.persona import chunks
from domain.records import MemoryKind
from projections.facts import Source
from projections.instructions import StoredInstruction
from projections.messages import PathMessage
from projections.read_models import ReadModels
from projections.session_index import Additions, Document, Embedders, Epoch, Feeling, TokenRow, VectorRow
from projections.stemming import stems
from projections.summaries import Summary
from projections.token_vectors import TokenVectors
from projections.traits import traits

MESSAGES_KEPT: Final = 50_000
"""Messages held in memory, about 1 kB each; those of the session unused for longest go first."""

BLOCK: Final = 256
"""Messages whose feelings are read at once, from the latest backwards: mostly the first block is enough."""

ROLE_NAMES: Final = {"user": "User", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A memory's source: who said it (or what it is), when (ISO 8601, empty when unknown), and its whole text."""

    speaker: str
    said_at: str
    text: str


class Remembered:
    """A session's memory across the views. Keeps messages it has read until there is another epoch."""

    def __init__(self, models: ReadModels, *, keep: int = MESSAGES_KEPT) -> None:
        self.models = models
        self._keep = keep
        self._read: OrderedDict[UUID, dict[int, PathMessage]] = OrderedDict()
        self._epoch = (0, 0)
        self._lock = Lock()

    def additions(self, session: UUID, embedders: Embedders, *, version: int, sequence: int) -> Additions:
        """What came after event `version` and vector `sequence` (see `session_index.Rows`)."""
        models = self.models
        with models.views.snapshot():
            documents = [*self._said(session, version), *self._written(session, version)]
            rows = models.vectors.rows(session, embedders.vectors, after=sequence)
            tokens = models.vectors.rows(session, embedders.tokens, after=sequence) if embedders.tokens else []
            readings = models.emotions.readings(session, after=version)
        documents.sort(key=lambda document: (document.version, document.start or 0))
        newest = [version, *(document.version for document in documents), *(row.version for row in readings)]
        return Additions(
            documents=documents,
            vectors=[
                VectorRow(version=row.version, part=int(row.part), vector=np.frombuffer(row.vector, dtype="<f2"))
                for row in rows
                if row.part.isdigit()
            ],
            tokens=[
                TokenRow(version=row.version, part=int(row.part), tokens=TokenVectors.unpacked(row.vector))
                for row in tokens
                if row.part.isdigit()
            ],
            feelings=[
                Feeling(version=row.version, of=row.of, dominant=row.dominant, importance=row.importance)
                for row in readings
            ],
            version=max(newest),
            sequence=max([sequence, *(row.sequence for row in [*rows, *tokens])]),
        )

    def epoch(self) -> Epoch:
        """Another one whenever what was read before may not hold any more (see `session_index.Rows`)."""
        return self.models.conversation.last_forgetting(), self.models.views.replaced

    def _said(self, session: UUID, after: int) -> list[Document]:
        """Messages and carried memories, whose words are stored."""
        rows = self.models.lexicon.rows(session, after=after)
        carried = self.models.memories.texts(session, [row.version for row in rows]) if rows else {}
        kinds: dict[bool, MemoryKind] = {True: "carried", False: "message"}
        return [
            Document(
                kind=kinds[row.version in carried],
                version=row.version,
                terms=row.terms,
                head=row.head,
                source=row.source,
                traits=row.traits,
            )
            for row in rows
        ]

    def _written(self, session: UUID, after: int) -> list[Document]:
        """Summaries, and the chunks of instructions; there are few of both."""
        documents = [
            _written_document("summary", summary.version, summary.text)
            for summary in self.models.summaries.all(session, after=after)
        ]
        for instruction in self.models.instructions.instructions(session, after=after):
            documents.extend(_chunk_documents(instruction))
        return documents

    def beside_path(
        self, session: UUID, path: Sequence[int], present: Iterable[int], at: int | None = None
    ) -> list[int]:
        """What may be recalled besides the path's messages: carried memories, summaries that hold for the path, and
        former personas' instructions that are not among those `present` in the request."""
        story = self.models.lineage.story(session, at)
        carried = [memory.version for memory in self.models.memories.carried(session, at) if memory.version in story]
        summaries = self.models.summaries.holding_versions(session, path, at)
        absent = self.models.instructions.of_personas(session, at) - set(present)
        return [*carried, *summaries, *sorted(absent)]

    def summary_in_view(self, session: UUID, path: Sequence[int], at: int | None = None) -> Summary | None:
        """The summary that stands for the path's beginning."""
        return self.models.summaries.in_view(session, path, at)

    def told(self, session: UUID, documents: Iterable[Document]) -> dict[int, Told]:
        """Where these memories come from, by version; what was forgotten since is missing."""
        by_kind: dict[MemoryKind, list[int]] = {"message": [], "carried": [], "summary": [], "persona": []}
        for document in documents:
            by_kind[document.kind].append(document.version)
        models = self.models
        told = {
            version: Told(speaker=message.name or ROLE_NAMES[message.role], said_at=message.said_at, text=message.text)
            for version, message in self.messages(session, by_kind["message"]).items()
            if not message.forgotten
        }
        for memory in models.memories.carried(session) if by_kind["carried"] else ():
            told[memory.version] = Told(
                speaker=memory.name or ROLE_NAMES[memory.role], said_at=memory.said_at, text=memory.text
            )
        for summary in models.summaries.find(session, by_kind["summary"]) if by_kind["summary"] else ():
            told[summary.version] = Told(speaker="A summary", said_at=summary.created, text=summary.text)
        for version, text in models.instructions.texts(session, by_kind["persona"]).items():
            told[version] = Told(speaker="Former instructions", said_at="", text=text)
        return told

    def messages(self, session: UUID, versions: Iterable[int]) -> dict[int, PathMessage]:
        """Messages by version, on a path or not."""
        wanted, epoch = list(versions), self.epoch()
        with self._lock:
            if epoch != self._epoch:
                self._epoch = epoch
                self._read.clear()
            kept = self._read.setdefault(session, {})
            self._read.move_to_end(session)
            found = {version: kept[version] for version in wanted if version in kept}
        missing = [version for version in wanted if version not in found]
        if missing:
            read = self.models.conversation.find(session, missing)
            with self._lock:
                kept.update(read)
                while len(self._read) > 1 and sum(map(len, self._read.values())) > self._keep:
                    self._read.popitem(last=False)
            found.update(read)
        return found

    def texts(self, session: UUID, versions: Iterable[int]) -> dict[int, str]:
        """The stored texts of these versions, whatever they are; what was forgotten is missing."""
        models, wanted = self.models, list(versions)
        return {
            **models.conversation.texts(session, wanted),
            **models.instructions.texts(session, wanted),
            **models.summaries.texts(session, wanted),
            **models.memories.texts(session, wanted),
        }

    def moments(
        self, session: UUID, versions: Sequence[int], dominant: str, count: int, *, at: int | None = None
    ) -> list[int]:
        """The latest `count` of these messages in which the feeling was dominant, in their order."""
        felt: list[int] = []
        for end in range(len(versions), 0, -BLOCK):
            block = versions[max(0, end - BLOCK) : end]
            read = self.models.emotions.of_messages(session, block, at)
            felt = [*(one for one in block if one in read and read[one].dominant == dominant), *felt]
            if len(felt) >= count:
                break
        return felt[max(0, len(felt) - count) :]


def _chunk_documents(instruction: StoredInstruction) -> list[Document]:
    return [
        replace(
            _written_document("persona", instruction.version, instruction.text[chunk.start : chunk.end]),
            start=chunk.start,
            end=chunk.end,
        )
        for chunk in chunks(instruction.text)
    ]


def _written_document(kind: MemoryKind, version: int, text: str) -> Document:
    """What nobody said on a day: it names no days, and has no speaker."""
    found = stems(text)
    return Document(
        kind=kind,
        version=version,
        terms=Counter(found.stems),
        source=Source(language=found.language),
        traits=traits(text, None),
    )
