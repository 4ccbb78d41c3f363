"""All views of one file, as one value: what the use cases read from and what the follower keeps up to date."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from projections import checkpoints
from projections.audits import Audits
from projections.catalogue import Catalogue
from projections.conversation import Conversation
from projections.emotions import Emotions
from projections.follower import Follower
from projections.instructions import Instructions
from projections.lexicon import Lexicon
from projections.lineage import Lineage
from projections.memories import Memories
from projections.ports import EventLog
from projections.replacement import Replacement
from projections.summaries import Summaries
from projections.transcripts import Transcripts
from projections.usage import UsageLedger
from projections.vectors import Vectors
from projections.views import View, Views, fingerprint

KINDS: Final = (
    Lineage,
    Conversation,
    Instructions,
    Emotions,
    Summaries,
    Memories,
    Audits,
    UsageLedger,
    Catalogue,
    Lexicon,
    Vectors,
    Transcripts,
)
"""In the order in which they apply a batch: the lineage first, because the others read it."""

FINGERPRINT: Final = fingerprint([checkpoints.SCHEMA, *(statement for kind in KINDS for statement in kind.schema)])
"""What a file of these views has as its user_version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModels:
    """The views by name. Readers are synchronous and belong off the event loop."""

    views: Views
    lineage: Lineage
    conversation: Conversation
    instructions: Instructions
    emotions: Emotions
    summaries: Summaries
    memories: Memories
    audits: Audits
    usage: UsageLedger
    catalogue: Catalogue
    lexicon: Lexicon
    vectors: Vectors
    transcripts: Transcripts

    @classmethod
    def open(cls, file: Path, *, again: Callable[[], Path] | None = None) -> "ReadModels":
        """The views on this file, made if it is not there. The tables are made by the first follower. `again` as in
        `Views`."""
        views = Views(file, again=again)
        return cls(
            views=views,
            lineage=Lineage(views),
            conversation=Conversation(views),
            instructions=Instructions(views),
            emotions=Emotions(views),
            summaries=Summaries(views),
            memories=Memories(views),
            audits=Audits(views),
            usage=UsageLedger(views),
            catalogue=Catalogue(views),
            lexicon=Lexicon(views),
            vectors=Vectors(views),
            transcripts=Transcripts(views),
        )

    def all(self) -> list[View]:
        """In the order of `KINDS`."""
        return [
            self.lineage,
            self.conversation,
            self.instructions,
            self.emotions,
            self.summaries,
            self.memories,
            self.audits,
            self.usage,
            self.catalogue,
            self.lexicon,
            self.vectors,
            self.transcripts,
        ]

    def follow(self, log: EventLog) -> Follower:
        """A follower of the log for these views, not yet started."""
        replacement = Replacement(self.views, lambda file: bring_up(log, file))
        return Follower(log, self.views, self.all(), self.vectors, replacement)

    def close(self) -> None:
        """Let go of the file: nobody may be reading or following any more."""
        self.views.close()


def bring_up(log: EventLog, file: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Apply to the views in a file (made if it is not there) what the log holds beyond them; where they stand then.

    Afterwards there is no WAL beside the file. Raises UnreadableEvent when the log cannot be read to its end.
    """
    # The last connection to go writes the WAL back and removes it.
    with closing(ReadModels.open(file)) as models:
        follower = models.follow(log)
        follower.catch_up(progress)
        if follower.unreadable is not None:
            raise follower.unreadable
        return follower.position
