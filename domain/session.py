"""The Session aggregate: intents in, events out, and the rules it refuses to break.

It keeps only what it must decide on; texts, vectors and scores are the projections'. A command checks and triggers;
`evolve` applies and never refuses. It refuses: two open turns; a path that names what is not a message of the session
or its ancestors; a summary whose digest no longer holds; anything after erasure; another owner.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import cast
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate
from eventsourcing.utils import register_topic

from domain import path as paths
from domain.errors import Conflict, InvalidRequest, NotFound, SummaryOutdated, TurnAlreadyOpen
from domain.events import (
    SESSION_TOPIC,
    ContextBuilt,
    EmotionDetected,
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
    SessionStarted,
    SummaryWritten,
    TurnFailed,
)
from domain.messages import Instruction, Message
from domain.records import PathCause
from domain.transcript import Append, Edit, Operation, Rearrange
from domain.turn import Context, Detected, OpenTurn, Received, Reply

NAMESPACE = UUID("6f0c5e0a-3f5e-5d0e-9a53-9d6f6a1f7c11")


def session_id(owner: str, external_id: str) -> UUID:
    """The stream of an owner's session: the same two names always lead to the same one."""
    return uuid5(NAMESPACE, f"{owner}\n{external_id}")


class Session(Aggregate):
    """One conversation of one owner, one event stream."""

    owner: str
    external_id: str
    path: "array[int]"
    messages: "array[int]"
    instructions: dict[str, int]
    personas: dict[str, int]
    open_turn: OpenTurn | None
    summary: int | None
    erased: bool

    # -- coming into being ---------------------------------------------------------------------------------------------

    @classmethod
    def start(cls, *, owner: str, external_id: str, identified_by: str) -> "Session":
        """A new session of the owner under the client's name for it."""
        return cls._begin(
            SessionStarted(
                originator_id=session_id(owner, external_id),
                originator_version=1,
                timestamp=SessionStarted.create_timestamp(),
                owner=owner,
                external_id=external_id,
                identified_by=identified_by,
            )
        )

    def fork(self, external_id: str) -> "Session":
        """A session that continues this one, which must be loaded as of the version to fork at."""
        self._check_alive()
        return self._begin(
            SessionForked(
                originator_id=session_id(self.owner, external_id),
                originator_version=self.version + 1,
                timestamp=SessionForked.create_timestamp(),
                owner=self.owner,
                external_id=external_id,
                parent=self.id.hex,
                at=self.version,
                path=paths.to_ranges(self.path),
                messages=paths.to_ranges(self.messages),
                instructions=dict(self.instructions),
                personas=dict(self.personas),
                summary=self.summary,
            )
        )

    @staticmethod
    def _begin(event: SessionStarted | SessionForked) -> "Session":
        session = cast("Session", event.mutate(None))
        session.pending_events.append(event)
        return session

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
        self._check_alive()
        if self.open_turn is not None:
            raise TurnAlreadyOpen("The session is still answering another turn; try again when it has ended.")
        versions = [self._instruct(instruction) for instruction in instructions]
        persona = self._define_persona(versions[:leading])
        messages = [version for operation in operations if (version := self._operate(turn, operation)) is not None]
        return Received(instructions=versions, persona=persona, messages=messages)

    def begin_turn(self, turn: str, *, emotions: Sequence[Detected], context: Context) -> None:
        """Open a turn with the context that the model is shown."""
        self._check_alive()
        if self.open_turn is not None:
            raise TurnAlreadyOpen("The session is still answering another turn; try again when it has ended.")
        self._check_known([context.query] if context.query is not None else [])
        self.detect(emotions)
        self.trigger_event(ContextBuilt, turn=turn, **{name: getattr(context, name) for name in Context.__slots__})

    def complete_turn(self, turn: str, replies: Sequence[Reply]) -> list[int]:
        """Close the open turn with its reply, or with several (`n` > 1) of which the first joins the path.

        Returns the versions of the new messages.
        """
        opened = self._check_open(turn)
        if opened.kind == "continue" and opened.query is not None:
            return [self._extend(opened.query, turn, replies[0])]
        for choice, reply in enumerate(replies):
            facts = {name: getattr(reply, name) for name in Reply.__slots__}
            facts["tool_calls"] = list(reply.tool_calls)
            self.trigger_event(ReplyCompleted, turn=turn, choice=choice, **facts)
        return list(self.messages[-len(replies) :])

    def fail_turn(self, turn: str, *, code: str, detail: str) -> None:
        """Close the open turn without a reply; the user's message stays."""
        self._check_open(turn)
        self.trigger_event(TurnFailed, turn=turn, code=code, detail=detail)

    def detect(self, emotions: Iterable[Detected]) -> None:
        """Note emotions read in messages of this session."""
        self._check_alive()
        for detected in emotions:
            self._check_known([detected.of])
            self.trigger_event(
                EmotionDetected,
                of=detected.of,
                detector=detected.detector,
                labels=detected.emotion.labels,
                dominant=detected.emotion.dominant,
                confidence=detected.emotion.confidence,
                importance=detected.importance,
            )

    def rewind(self, former: Sequence[int]) -> None:
        """Make the path what it once was."""
        self._change_path("rewind", paths.difference(self.path, former))

    def summarise(self, *, count: int, digest: str, text: str, model: str, cites: Sequence[int]) -> None:
        """Note a summary of the path's first `count` messages. Raises SummaryOutdated when they changed meanwhile."""
        self._check_alive()
        covered = self.path[:count]
        if len(covered) < count or paths.digest(covered) != digest:
            raise SummaryOutdated("The messages that the summary covers are no longer the beginning of the path.")
        self.trigger_event(
            SummaryWritten,
            covers=paths.to_ranges(covered),
            digest=digest,
            previous=self.summary,
            text=text,
            model=model,
            cites=list(cites),
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
        remaining = [version for version in self.path if version not in versions]
        if len(remaining) != len(self.path):
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
            self.trigger_event(
                InstructionReceived,
                role=instruction.role,
                name=instruction.name,
                text=instruction.text,
                sha256=instruction.sha256,
            )
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

    def _operate(self, turn: str | None, operation: Operation) -> int | None:
        match operation:
            case Append(message):
                self._take(turn, message)
                return self.version
            case Edit(replaces, text):
                self._check_known([replaces])
                self.trigger_event(MessageEdited, replaces=replaces, turn=turn, text=text)
                self._substitute("edit", replaces, self.version)
                return self.messages[-1]
            case Rearrange(cause, splices):
                self._change_path(cause, splices)
                return None

    def _take(self, turn: str | None, message: Message) -> None:
        self.trigger_event(
            MessageReceived,
            turn=turn,
            role=message.role,
            name=message.name,
            text=message.text,
            said_at=message.said_at,
            origin=message.origin,
            images=message.images,
            tool_calls=message.tool_calls,
            tool_call_id=message.tool_call_id,
        )

    def _extend(self, replaces: int, turn: str, reply: Reply) -> int:
        facts = {
            name: getattr(reply, name) for name in Reply.__slots__ if name not in ("said_at", "name", "tool_calls")
        }
        self.trigger_event(ReplyExtended, replaces=replaces, turn=turn, **facts)
        extended = self.version
        self._substitute("extend", replaces, extended)
        return extended

    def _substitute(self, cause: PathCause, old: int, new: int) -> None:
        if old in self.path:
            self._change_path(cause, [paths.splice(self.path.index(old), [old], [new])])

    def _change_path(self, cause: PathCause, splices: Sequence[paths.Splice]) -> None:
        self._check_alive()
        if not splices:
            return
        self._check_known(version for hunk in splices for version in paths.from_ranges(hunk["in"]))
        fault = paths.fault_in(self.path, splices)
        if fault is not None:
            raise Conflict(f"The path cannot be changed so: {fault}.")
        self.trigger_event(PathChanged, cause=cause, splices=list(splices))

    # -- rules ---------------------------------------------------------------------------------------------------------

    def _check_alive(self) -> None:
        if self.erased:
            raise NotFound("There is no such session.", param="session_id")

    def _check_open(self, turn: str) -> OpenTurn:
        self._check_alive()
        if self.open_turn is None or self.open_turn.id != turn:
            raise Conflict("The turn is not open any more: it was ended by somebody else.")
        return self.open_turn

    def _check_known(self, versions: Iterable[int]) -> None:
        for version in versions:
            place = bisect_left(self.messages, version)
            if place == len(self.messages) or self.messages[place] != version:
                raise InvalidRequest(f"Version {version} is not a message of the session.", param="version")

    # -- what events do to it ------------------------------------------------------------------------------------------

    def evolve(self, event: SessionEvent) -> None:
        """Apply what happened. Called by the events themselves, live and on replay alike."""
        match event:
            case SessionStarted():
                self._reset(event.owner, event.external_id)
            case SessionForked():
                self._reset(event.owner, event.external_id)
                self.path = array("q", paths.from_ranges(event.path))
                self.messages = array("q", paths.from_ranges(event.messages))
                self.instructions, self.personas = dict(event.instructions), dict(event.personas)
                self.summary = event.summary
            case InstructionReceived():
                self.instructions[event.sha256] = event.originator_version
            case PersonaDefined():
                self.personas[paths.digest(event.instructions)] = event.originator_version
            case PathChanged():
                self.path = paths.apply_splices(self.path, event.splices)
            case ContextBuilt():
                self.open_turn = OpenTurn(
                    id=event.turn,
                    kind=event.kind,
                    process=event.process,
                    query=event.query,
                    version=event.originator_version,
                )
            case TurnFailed():
                self.open_turn = None
            case SummaryWritten():
                self.summary = event.originator_version
            case SessionErased():
                self.erased = True
            case _:
                self._evolve_messages(event)

    def _evolve_messages(self, event: SessionEvent) -> None:
        match event:
            case MessageReceived(origin=origin):
                self.messages.append(event.originator_version)
                if origin != "backfilled":
                    self.path.append(event.originator_version)
            case ReplyCompleted(choice=choice):
                self.messages.append(event.originator_version)
                if choice == 0:
                    self.path.append(event.originator_version)
                self.open_turn = None
            case ReplyExtended():
                self.messages.append(event.originator_version)
                self.open_turn = None
            case MessageEdited():
                self.messages.append(event.originator_version)
            case _:
                pass

    def _reset(self, owner: str, external_id: str) -> None:
        self.owner = owner
        self.external_id = external_id
        self.path = array("q")
        self.messages = array("q")
        self.instructions = {}
        self.personas = {}
        self.open_turn = None
        self.summary = None
        self.erased = False


register_topic(SESSION_TOPIC, Session)
