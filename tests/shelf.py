"""Memories that a test gives to an index without events or views: `Rows` in memory."""

from collections import Counter
from dataclasses import dataclass, field, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from projections.facts import Source, day_of
from projections.session_index import Additions, Document, Embedders, Feeling, SessionIndex, TokenRow, VectorRow
from projections.stemming import stems
from projections.traits import traits

SESSION = UUID(int=1)
EMBEDDERS = Embedders(vectors="test", tokens="test:tokens")


@dataclass
class Shelf:
    """Gives what was put on it since the last refresh. Vectors have two dimensions."""

    documents: list[Document] = field(default_factory=list[Document])
    vectors: list[VectorRow] = field(default_factory=list[VectorRow])
    tokens: list[TokenRow] = field(default_factory=list[TokenRow])
    feelings: list[Feeling] = field(default_factory=list[Feeling])
    refreshes: int = 0
    forgetting: int = 0

    def put(
        self, version: int, text: str = "", cosine: float | None = None, *, source: Source | None = None
    ) -> "Shelf":
        """A message with this cosine to `a_query`; without one it has no vector."""
        found, source = stems(text), source or Source()
        self.documents.append(
            Document(
                kind="message",
                version=version,
                terms=Counter(found.stems),
                source=replace(source, language=found.language),
                traits=traits(text, day_of(source.said)),
            )
        )
        if cosine is not None:
            self.vectors.append(VectorRow(version=version, part=0, vector=at_cosine(cosine)))
        return self

    def feel(self, of: int, dominant: str, *, importance: float = 0.5, version: int = 100) -> "Shelf":
        self.feelings.append(Feeling(version=version, of=of, dominant=dominant, importance=importance))
        return self

    def additions(self, session: UUID, embedders: Embedders, *, version: int, sequence: int) -> Additions:
        self.refreshes += 1
        documents = [document for document in self.documents if document.version > version]
        feelings = [feeling for feeling in self.feelings if feeling.version > version]
        return Additions(
            documents=documents,
            vectors=self.vectors[sequence:],
            tokens=self.tokens if sequence == 0 else [],
            feelings=feelings,
            version=max([version, *(one.version for one in [*documents, *feelings])]),
            sequence=len(self.vectors),
        )

    def epoch(self) -> tuple[int, int]:
        return self.forgetting, 0

    def index(self) -> SessionIndex:
        index = SessionIndex(SESSION, embedders=EMBEDDERS, dimensions=2)
        index.refresh(self)
        return index


def at_cosine(cosine: float) -> NDArray[np.float16]:
    return np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float16)
