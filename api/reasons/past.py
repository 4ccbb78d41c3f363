"""A turn that began once, and its context built again as of then: by the policy it had, or by another.

    ContextBuilt -> the request as its manifest shows it, the query's stored vectors -> the builder of all contexts

No encoder and no language model is asked, and nothing is stored. With the policy and the tokenizer of then
the context comes out as it was, to the byte; its sha256 tells whether it did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from api.chat.contexts import Built, Contexts
from api.chat.incoming import Incoming
from api.chat.request import Address, TurnRequest
from api.filters import Filters
from api.ports import EventLog
from api.sessions.reader import Asked, Reader
from api.vectors import unit_mean
from domain.budget import Shares
from domain.emotion import NEUTRAL, Emotion
from domain.errors import Conflict, NotFound
from domain.messages import Instruction, Message
from domain.records import (
    Budget,
    InstructionRole,
    JsonObject,
    ManifestMessage,
    RecallRecord,
    Role,
    TranscriptRecord,
    TurnKind,
)
from domain.session import Session
from domain.transcript import Reconciliation
from domain.turn import Received
from projections.audits import Turn
from projections.evidence import Query
from projections.policies import Policy
from projections.session_index import Embedders
from projections.token_vectors import TokenVectors

INSTRUCTIONS, INJECTION, DIALOGUE = "persona", "injection", ("history", "current")
"""Parts of a manifest that the client's prompt brought: each message is one text, stored but for injections'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTurn:
    """What the turn's ContextBuilt says (`facts`), and the session as it was then."""

    turn: Turn
    facts: JsonObject
    session: Session

    @property
    def id(self) -> UUID:
        """The session whose event the turn is: of a fork's older turns, an ancestor."""
        return self.session.id

    @property
    def version(self) -> int:
        return self.turn.version

    @property
    def manifest(self) -> list[ManifestMessage]:
        return cast("list[ManifestMessage]", self.facts["manifest"])

    @property
    def recall(self) -> RecallRecord:
        return cast("RecallRecord", self.facts["recall"])

    @property
    def budget(self) -> Budget:
        return cast("Budget", self.facts["budget"])

    @property
    def query(self) -> int | None:
        """The message that was answered."""
        return cast("int | None", self.facts["query"])

    @property
    def sha256(self) -> str:
        return cast("str", self.facts["sha256"])

    def shown(self, *parts: str) -> list[int]:
        """The versions that these parts of the context are made of, in order."""
        entries = [entry for entry in self.manifest if entry["part"] in parts]
        return [segment["of"] for entry in entries for segment in entry["segments"] if "of" in segment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Finds turns and builds their contexts again."""

    log: EventLog
    reader: Reader
    contexts: Contexts
    embedders: Embedders

    async def find(self, owner: str, session: str, name: str) -> tuple[Asked, PastTurn]:
        """Raises NotFound for what is not there or another owner's, Conflict when the turn's record was forgotten."""

        def read(asked: Asked) -> tuple[Asked, Turn]:
            turn = self.reader.models.audits.turn(asked.id, name)
            if turn is None:
                raise NotFound("There is no such turn.", param="turn")
            return asked, turn

        asked, turn = await self.reader.ask(owner, session, None, read)
        return asked, await self.of(turn)

    async def of(self, turn: Turn) -> PastTurn:
        """The turn with its session as of then; Conflict as above."""
        if turn.context is None:
            raise Conflict("What this turn showed the model was forgotten: nothing can be asked of it any more.")
        session = await self.log.load(UUID(turn.session), turn.version)
        return PastTurn(turn=turn, facts=turn.context, session=session)

    def build(self, past: PastTurn, policy: Policy, window: int | None = None) -> Built:
        """The context that this policy would have built then, within a window of so many tokens (as recorded without
        it). Raises ContextTooLong like the turn itself. Blocks.

        A reranker, which is another model, is not asked.
        """
        rules = self._rules(past, window or past.budget["window"])
        rules = replace(rules, seeking=replace(rules.seeking, policy=policy, reranker=None))
        return rules.build(self._incoming(past), cast("str", past.facts["now"]))

    def _rules(self, past: PastTurn, window: int) -> Contexts:
        """As recorded; the first turns that there were did not record how their window was divided."""
        rules, division = self.contexts, past.budget.get("division")
        if division is None:
            return replace(rules, shares=replace(rules.shares, window=window))
        return replace(rules, shares=Shares.divided(window, division), window_messages=division["messages"])

    def _incoming(self, past: PastTurn) -> Incoming:
        emotion, instructions = self._emotion(past), past.shown(INSTRUCTIONS)
        texts = self.contexts.remembered.texts(past.id, instructions)
        if len(texts) < len(set(instructions)):
            raise Conflict("Instructions that this turn showed the model were forgotten: it cannot be built again.")
        return Incoming(
            session=past.session,
            request=_request(past, texts),
            received=Received(
                instructions=instructions, persona=cast("int | None", past.facts["persona"]), messages=[]
            ),
            result=_understood(past),
            query=self._query(past, emotion),
            emotion=emotion,
            model=cast("str", past.facts["model"]),
            timings_ms={},
            at=past.version,
        )

    def _emotion(self, past: PastTurn) -> Emotion:
        """What was read in the query by then."""
        if past.query is None:
            return _UNFELT
        readings = self.reader.models.emotions.of_messages(past.id, [past.query], past.version)
        return readings[past.query].emotion if readings else _UNFELT

    def _query(self, past: PastTurn, emotion: Emotion) -> Query:
        """As `Perceived.as_query`, of what is stored."""
        version, embedders = past.query or 0, self.embedders
        vectors = self.reader.models.vectors.of(past.id, version, embedders.vectors)
        bodies = [_halves(vectors[part]) for part in sorted(vectors.keys() - {"query"}, key=int)]
        plain = unit_mean(np.stack(bodies)) if bodies else None
        form = unit_mean(_halves(vectors["query"])[np.newaxis]) if "query" in vectors else None
        tokens = self.reader.models.vectors.of(past.id, version, embedders.tokens) if embedders.tokens else {}
        small = tokens.get("query", tokens.get("0"))
        texts = self.contexts.remembered.messages(past.id, [version])
        return Query(
            text=texts[version].text if version in texts else "",
            dominant=emotion.dominant,
            vector=form if form is not None else plain,
            plain=plain if form is not None else None,
            tokens=TokenVectors.unpacked(small) if small is not None else None,
            day=datetime.fromisoformat(cast("str", past.facts["now"])).toordinal(),
        )


_UNFELT = Emotion(labels={}, dominant=NEUTRAL, confidence=0.0)


def _halves(vector: bytes) -> NDArray[np.float16]:
    return np.frombuffer(vector, dtype="<f2")


def _request(past: PastTurn, texts: Mapping[int, str]) -> TurnRequest:
    """The messages that the context shows, in the order in which the client sent them.

    Those that the client sent and the context had no room for are on the path, which the builder goes by; so are the
    dialogue's texts.
    """
    return TurnRequest(
        owner="",
        address=Address(),
        messages=[_message(entry, texts) for entry in _sent(past)],
        model=None,
        parameters=cast("JsonObject", past.facts["parameters"]),
        arrived=0.0,
        parse_ms=0.0,
        filters=Filters.read(past.recall.get("filters", {})),
    )


def _sent(past: PastTurn) -> list[ManifestMessage]:
    return [entry for entry in past.manifest if entry["part"] in (INSTRUCTIONS, INJECTION, *DIALOGUE)]


def _understood(past: PastTurn) -> Reconciliation:
    """Every message is one of the session's, or stands aside as an injection."""
    dialogue = [entry for entry in _sent(past) if entry["part"] != INSTRUCTIONS]
    versions = [entry["segments"][0].get("of") for entry in dialogue]
    return Reconciliation(
        kind=cast("TurnKind", past.facts["kind"]),
        alone=False,
        operations=[],
        matched=versions,
        arrived=[],
        aside=frozenset(place for place, version in enumerate(versions) if version is None),
        speaker=None,
        record=cast("TranscriptRecord", past.facts.get("transcript")),
        reason=None,
    )


def _message(entry: ManifestMessage, texts: Mapping[int, str]) -> Message | Instruction:
    text = "".join(
        texts.get(segment["of"], "") if "of" in segment else segment.get("text", "") for segment in entry["segments"]
    )
    if entry["part"] != INSTRUCTIONS:
        return Message(role=cast("Role", entry["role"]), text=text, said_at="", name=entry["name"])
    return Instruction(role=cast("InstructionRole", entry["role"]), text=text, name=entry["name"])
