"""The Session aggregate: intents in, events out, and the rules it refuses to break.

A command checks (by `rules.py`) and triggers; what an event then does to the session stands in `state.py`. Refused
are: two open turns; a path that names what is not a message of the session or its ancestors; a summary whose digest no
longer holds; anything after erasure; another owner.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, cast
from uuid import UUID

from eventsourcing.utils import register_topic

from domain import path as paths
from domain.emotion import Emotion
from domain.errors import Conflict, InvalidRequest, NotFound, SummaryOutdated
from domain.events import (
    SESSION_TOPIC,
    ContextBuilt,
    EmotionDetected,
    FirstEvent,
    InstructionReceived,
    MemoryCarried,
    MessageEdited,
    MessageForgotten,
    MessageReceived,
    PathChanged,
    PersonaDefined,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SessionEvent,
    SessionForked,
    SessionRewound,
    SessionStarted,
    SummaryWritten,
    TurnFailed,
)
from domain.identity import session_id
from domain.messages import Instruction, Message
from domain.operations import Append, Edit, Operation, Rearrange, Settle
from domain.records import JsonObject, Origin, PathCause
from domain.rules import SessionRules
from domain.summary import Extract
from domain.turn import Context, Detected, Received, Reply


class Session(SessionRules):
    """One conversation of one owner, one event stream."""

    # -- coming into being ---------------------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        *,
        owner: str,
        external_id: str,
        identified_by: str,
        user: str | None = None,
        details: JsonObject | None = None,
    ) -> "Session":
        """A new session of the owner under the client's name for it."""
        return _begun(
            SessionStarted,
            1,
            owner=owner,
            external_id=external_id,
            identified_by=identified_by,
            user=user,
            details=details or {},
        )

    def fork(self, external_id: str) -> "Session":
        """A session that continues this one, which must be as of the version to fork at."""
        self._check_alive()
        return _begun(
            SessionForked,
            self.version + 1,
            owner=self.owner,
            external_id=external_id,
            parent=self.id.hex,
            at=self.version,
            path=paths.to_ranges(self.path),
            messages=paths.to_ranges(self.messages),
            instructions=dict(self.instructions),
            personas=dict(self.personas),
        )

    def collect(self) -> list[SessionEvent]:
        """The events that the intents made since the last time, to be appended."""
        return cast("list[SessionEvent]", list(self.collect_events()))

    # -- intents -------------------------------------------------------------------------------------------------------

    def belongs_to(self, owner: str) -> None:
        """Raises NotFound for anyone else's session: to them it does not exist."""
        if self.owner != owner:
            raise NotFound("There is no such session.", param="session_id")

    def receive(
        self,
        *,
        turn: str | None,
        instructions: Sequence[Instruction] = (),
        leading: int = 0,
        operations: Sequence[Operation] = (),
    ) -> Received:
        """Take in what a request says: instructions (the first `leading` of them are the persona) and operations."""
        self._check_idle()
        versions = [self._instruct(instruction) for instruction in instructions]
        persona = self._define_persona(versions[:leading])
        known = len(self.messages)
        for operation in operations:
            self._operate(turn, operation)
        return Received(instructions=versions, persona=persona, messages=list(self.messages[known:]))

    def begin_turn(self, turn: str, *, emotions: Sequence[Detected], context: Context) -> None:
        """Open a turn with the context that the model is shown."""
        self._check_idle()
        if context.query is not None:
            self._check_known([context.query])
        self.detect(emotions)
        self.trigger_event(ContextBuilt, turn=turn, **_facts(context))

    def complete_turn(self, turn: str, replies: Sequence[Reply]) -> list[int]:
        """Close the open turn with its reply, or with several (`n` > 1) of which the first joins the path.

        A turn that continues a message puts the first in that message's place. Returns the new messages' versions.
        """
        opened = self._check_open(turn)
        if not replies:
            raise InvalidRequest("A turn without a reply is failed, not completed.")
        known = len(self.messages)
        if opened.kind == "continue" and opened.query is not None:
            self._extend(turn, opened.query, replies)
        else:
            self._reply(turn, replies)
        return list(self.messages[known:])

    def fail_turn(self, turn: str, *, code: str, detail: str) -> None:
        """Close the open turn without a reply; the user's message stays."""
        self._check_open(turn)
        self.trigger_event(TurnFailed, turn=turn, code=code, detail=detail)

    def detect(self, emotions: Iterable[Detected]) -> None:
        """Note emotions read in messages of this session."""
        self._check_alive()
        for detected in emotions:
            self._check_known([detected.of])
            facts = _facts(detected.emotion)
            self.trigger_event(
                EmotionDetected, of=detected.of, detector=detected.detector, importance=detected.importance, **facts
            )

    def rewind(self, to: int, former: Sequence[int]) -> None:
        """Back to version `to`, when the path was `former`. Not in a turn: a reply would join a path without query."""
        self._check_idle()
        self.trigger_event(SessionRewound, to=to)
        self._change_path("rewind", paths.difference(self.path, former))

    def summarise(self, summary: Extract, *, count: int, digest: str, previous: int | None, model: str) -> None:
        """Note a summary of the path's first `count` messages, which continues the summary `previous`.

        Raises SummaryOutdated when these messages changed meanwhile.
        """
        self._check_alive()
        covered = self.path[:count]
        if not 0 < count <= len(self.path) or paths.digest(covered) != digest:
            raise SummaryOutdated("The messages that the summary covers are no longer the beginning of the path.")
        self.trigger_event(
            SummaryWritten,
            covers=paths.to_ranges(covered),
            digest=digest,
            previous=previous,
            text=summary.text,
            model=model,
            cites=list(summary.cites),
            usage=summary.usage,
        )

    def carry(self, *, source_session: UUID, source_version: int, message: Message) -> None:
        """Bring over one memory from another session."""
        self._check_alive()
        self.trigger_event(
            MemoryCarried,
            source_session=source_session.hex,
            source_version=source_version,
            role=message.role,
            name=message.name,
            text=message.text,
            said_at=message.said_at,
        )

    def forget(self, of: int, *, versions: Sequence[int], keyed_digests: Sequence[str], counts: dict[str, int]) -> None:
        """Note that a message and what quotes it may no longer be known, and take it off the path."""
        self._check_alive()
        self._check_known([of])
        gone = {of, *versions}
        remaining = [version for version in self.path if version not in gone]
        self._change_path("remove", paths.difference(self.path, remaining))
        self.trigger_event(
            MessageForgotten, of=of, versions=list(versions), keyed_digests=list(keyed_digests), counts=counts
        )

    def erase(self, counts: dict[str, int]) -> None:
        """Note that everything said here was destroyed. Nothing may follow."""
        self._check_alive()
        self.trigger_event(SessionErased, counts=counts)

    # -- steps of the intents ------------------------------------------------------------------------------------------

    def _instruct(self, instruction: Instruction) -> int:
        known = self.instructions.get(instruction.sha256)
        if known is None:
            self.trigger_event(InstructionReceived, sha256=instruction.sha256, **_facts(instruction))
            known = self.version
        return known

    def _define_persona(self, instructions: list[int]) -> int | None:
        if not instructions:
            return None
        known = self.personas.get(paths.digest(instructions))
        if known is None:
            self.trigger_event(PersonaDefined, instructions=instructions)
            known = self.version
        return known

    def _operate(self, turn: str | None, operation: Operation) -> None:
        match operation:
            case Append(message):
                self._bring(turn, message)
            case Edit():
                self._substitute("edit", operation.replaces, self._bring(turn, operation))
            case Rearrange(cause, splices):
                self._change_path(cause, splices)
            case Settle(cause, path):
                settled = [one if isinstance(one, int) else self._bring(turn, one, "backfilled") for one in path]
                self._change_path(cause, paths.hunks(self.path, settled))

    def _bring(self, turn: str | None, text: Message | Edit, origin: Origin | None = None) -> int:
        """A text that is new: the version it has from now on."""
        if isinstance(text, Edit):
            self._check_known([text.replaces])
            self.trigger_event(MessageEdited, replaces=text.replaces, turn=turn, text=text.text)
        else:
            self.trigger_event(MessageReceived, turn=turn, **(_facts(text) | {"origin": origin or text.origin}))
        return self.version

    def _reply(self, turn: str, replies: Sequence[Reply]) -> None:
        for choice, reply in enumerate(replies):
            self.trigger_event(ReplyCompleted, turn=turn, choice=choice, **_facts(reply))

    def _extend(self, turn: str, replaces: int, replies: Sequence[Reply]) -> None:
        first = self.version + 1
        for choice, reply in enumerate(replies):
            facts = _facts(reply)
            for unchanged in ("said_at", "name"):
                del facts[unchanged]
            self.trigger_event(ReplyExtended, replaces=replaces, turn=turn, choice=choice, **facts)
        self._substitute("extend", replaces, first)

    def _substitute(self, cause: PathCause, old: int, new: int) -> None:
        if old in self.path:
            self._change_path(cause, [paths.splice(self.path.index(old), [old], [new])])

    def _change_path(self, cause: PathCause, splices: Sequence[paths.Splice]) -> None:
        if not splices:
            return
        self._check_known(version for hunk in splices for version in paths.from_ranges(hunk["in"]))
        fault = paths.fault_in(self.path, splices)
        if fault is not None:
            raise Conflict(f"The path cannot be changed so: {fault}.")
        self.trigger_event(PathChanged, cause=cause, splices=list(splices))


def _begun(kind: type[FirstEvent], version: int, *, owner: str, external_id: str, **facts: Any) -> Session:
    event = kind(
        originator_id=session_id(owner, external_id),
        originator_version=version,
        timestamp=kind.create_timestamp(),
        owner=owner,
        external_id=external_id,
        **facts,
    )
    session = cast("Session", event.mutate(None))
    session.pending_events.append(event)
    return session


def _facts(value: Message | Instruction | Emotion | Context | Reply) -> dict[str, Any]:
    """The fields of a value, which an event carries under the same names; tuples are lists in JSON."""
    facts = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: list(cast("tuple[Any]", fact)) if isinstance(fact, tuple) else fact for name, fact in facts.items()}


register_topic(SESSION_TOPIC, Session)
