"""What a turn is answered with, from the first look at a request to what is done behind it."""

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from api.access.room import Room, SessionRoom, boundless
from api.aftercare.summariser import Summariser
from api.aftercare.worker import Aftercare, AftercareParts
from api.chat.comparison import Comparison
from api.chat.contexts import Contexts
from api.chat.decisions import Decisions
from api.chat.edits import Edits
from api.chat.perception import Perception
from api.chat.replies import Replies
from api.chat.resolution import Resolver
from api.chat.seeking import Seeking
from api.chat.turns import TurnParts, Turns
from api.settings import Settings
from api.wiring.outside import Outside, projection_of
from api.wiring.storage import Memory
from domain.budget import Shares
from projections.acquaintances import Acquaintances
from projections.indexes import Indexes
from projections.policies import Policy, policy_named
from projections.remembered import Remembered

UNLIMITED = 1_000_000
"""Messages of history in a window that only its tokens limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Puts together what answers a turn, each part from the same few parts."""

    settings: Settings
    memory: Memory
    outside: Outside
    seeking: Seeking
    perception: Perception

    @classmethod
    def of(cls, settings: Settings, memory: Memory, outside: Outside, remembered: Remembered) -> Self:
        perception = Perception(outside.encoder, *outside.detectors, projection=projection_of(settings))
        seeking = Seeking(
            remembered=remembered,
            indexes=Indexes(remembered, embedders=perception.embedders, dimensions=outside.encoder.dimensions),
            policy=_policy(settings),
            reranker=outside.reranker,
        )
        return cls(settings=settings, memory=memory, outside=outside, seeking=seeking, perception=perception)

    def _aftercare(self) -> Aftercare:
        summariser = Summariser(
            log=self.memory.log,
            locks=self.outside.locks,
            remembered=self.seeking.remembered,
            model=self.outside.models.summarising,
            counter=self.outside.tokens,
            after_messages=self.settings.summarize_after_messages,
        )
        parts = AftercareParts(
            log=self.memory.log,
            follower=self.memory.follower,
            locks=self.outside.locks,
            perception=self.perception,
            remembered=self.seeking.remembered,
            summariser=summariser,
        )
        return Aftercare(parts)

    def _turns(self, aftercare: Aftercare) -> Turns:
        models = self.memory.models
        replies = Replies(
            log=self.memory.log,
            perception=self.perception,
            counter=self.outside.tokens,
            clock=now,
            spent=self.outside.allowance.spend,
            ended=aftercare.note_turn,
            observe=self.outside.watch.turn_ended,
        )
        parts = TurnParts(
            log=self.memory.log,
            follower=self.memory.follower,
            locks=self.outside.locks,
            resolver=Resolver(models),
            decisions=self._decisions(),
            perception=self.perception,
            model=self.outside.models.answering,
            album=self.outside.album,
            replies=replies,
            clock=now,
            room=self._room(),
        )
        return Turns(parts)

    def _decisions(self) -> Decisions:
        contexts = self._contexts()
        return Decisions(
            comparison=Comparison(
                acquaintances=Acquaintances(self.seeking.remembered), lexicon=self.memory.models.lexicon
            ),
            perception=self.perception,
            contexts=contexts,
            edits=Edits(
                perception=self.perception, contexts=contexts, log=self.memory.log, follower=self.memory.follower
            ),
            model=self.outside.models.answering,
            clock=now,
        )

    def _contexts(self) -> Contexts:
        return Contexts(
            seeking=self.seeking,
            shares=_shares(self.settings),
            counter=self.outside.tokens,
            window_messages=self.settings.max_working_memory_size or UNLIMITED,
            process=f"{socket.gethostname()}:{os.getpid()}",
        )

    def _room(self) -> Room:
        if not (most := self.settings.max_sessions_per_owner):
            return boundless
        return SessionRoom(follower=self.memory.follower, catalogue=self.memory.models.catalogue, most=most)


def now() -> datetime:
    """The clock of everything that is said from now on."""
    return datetime.now(UTC)


def _policy(settings: Settings) -> Policy:
    """The original design's policy keeps its own number of memories, the top 3."""
    return policy_named(
        settings.recall_policy, top_k=None if settings.recall_policy == "cosine" else settings.rag_top_k
    )


def _shares(settings: Settings) -> Shares:
    return Shares(
        window=settings.context_window_tokens,
        persona=settings.system_token_percent,
        recall=settings.rag_token_percent,
        history=settings.history_token_percent,
        response=settings.response_token_percent,
    )
