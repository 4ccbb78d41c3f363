"""What a session knows, made from its events alone: for tests of reconciliation that need no read model.

memory = Memory()
memory.send(prompt, reply="Good evening")      as the server would: reconcile, take in, answer
memory.path                                    role's first letter and text of each message in view
"""

from collections import defaultdict
from collections.abc import Sequence

from domain import path as paths
from domain.events import (
    ContextBuilt,
    InstructionReceived,
    MessageEdited,
    MessageReceived,
    PathChanged,
    ReplyCompleted,
    ReplyExtended,
    SessionEvent,
)
from domain.keys import fingerprint, message_key
from domain.known import Familiar, Known, Prompts
from domain.messages import leading
from domain.prompt import Prompt
from domain.records import TranscriptRecord
from domain.session import Session
from domain.transcript import Reconciliation, reconcile
from domain.turn import Reply
from tests.builders import USAGE, context


class Memory:
    """A session and all that a transcript is compared with."""

    def __init__(self) -> None:
        self.session = Session.start(owner="local", external_id="chat", identified_by="header")
        self.records: list[TranscriptRecord] = []
        self.texts: dict[int, str] = {}
        self.messages: dict[int, Familiar] = {}
        self.by_key: dict[int, list[int]] = defaultdict(list)
        self.instructions: list[str] = []
        self.formers: list[list[int]] = []
        self.cut: frozenset[int] = frozenset()
        self.turns = 0
        self.events: list[SessionEvent] = []
        self._path: list[int] = []
        self._take_in(self.session.collect())

    # -- what the server would do --------------------------------------------------------------------------------------

    def send(self, prompt: Prompt, reply: str | None = "Fine.") -> Reconciliation:
        """A whole request; without a reply its turn fails."""
        result = reconcile(prompt, self.known)
        if result.kind is None:
            return result
        self.turns += 1
        turn = f"turn-{self.turns}"
        self.session.receive(
            turn=turn,
            instructions=prompt.instructions,
            leading=leading(prompt.messages),
            operations=result.operations,
        )
        path = self.session.path
        opened = context(kind=result.kind, query=path[-1] if path else None)
        self.session.begin_turn(turn, emotions=[], context=opened)
        self.records.append(result.record)
        if not result.record["ignored"]:
            self.cut = frozenset()
        if reply is None:
            self.session.fail_turn(turn, code="upstream_error", detail="It did not answer.")
        else:
            old = self.text(path[-1]) if result.kind == "continue" else ""
            self.session.complete_turn(turn, [_reply(f"{old} {reply}".strip(), result.speaker)])
        self._take_in(self.session.collect())
        return result

    def rewind(self, former: Sequence[int]) -> None:
        before = set(self.session.path)
        self.session.rewind(self.session.version, former)
        self.cut = frozenset(before - set(self.session.path))
        self._take_in(self.session.collect())

    # -- what is known -------------------------------------------------------------------------------------------------

    def text(self, version: int) -> str:
        self._take_in(self.session.collect())
        return self.texts[version]

    @property
    def path(self) -> list[str]:
        return [f"{self.messages[version].role[0]} {self.texts[version]}" for version in self.session.path]

    @property
    def names(self) -> list[str | None]:
        return [self.messages[version].name for version in self.session.path]

    @property
    def known(self) -> Known:
        endings: dict[int | None, frozenset[int]] = {}
        for record in self.records:
            ending = record["ending"]
            endings[record["persona"]] = endings.get(record["persona"], frozenset()) | (
                {ending} if ending is not None else set()
            )
        learned = frozenset(key for record in self.records for key in record["learned"])
        return Known(
            path=self.session.path,
            messages=self.messages,
            by_key=self.by_key,
            texts=self.texts,
            names=frozenset(one.name for one in self.messages.values() if one.name),
            prompts=Prompts(latest=self.records, endings=endings, learned=learned, cut=self.cut),
            former_path=self._former_path,
            instructions=lambda: self.instructions,
        )

    def _former_path(self, version: int) -> Sequence[int]:
        return next((former for former in reversed(self.formers) if version in former), ())

    def _take_in(self, events: Sequence[SessionEvent]) -> None:
        self.events += events
        for event in events:
            version = event.originator_version
            match event:
                case MessageReceived():
                    key = message_key(
                        event.role,
                        event.text,
                        images=event.images,
                        tool_calls=event.tool_calls,
                        tool_call_id=event.tool_call_id,
                    )
                    self._note(version, event.text, Familiar(event.role, key, ours=False, name=event.name))
                case ReplyCompleted():
                    self._note(version, event.text, Familiar("assistant", 0, ours=True, name=event.name))
                case MessageEdited() | ReplyExtended():
                    old = self.messages[event.replaces]
                    ours = isinstance(event, ReplyExtended)
                    self._note(version, event.text, Familiar(old.role, 0, ours=ours, name=old.name))
                case InstructionReceived():
                    self.instructions.append(event.text)
                case PathChanged():
                    self.formers.append(self._path)
                    self._path = list(paths.apply_splices(self._path, event.splices))
                    continue
                case ContextBuilt():
                    pass
                case _:
                    pass
            joins = isinstance(event, MessageReceived) and event.origin != "backfilled"
            if joins or isinstance(event, ReplyCompleted):
                self._path = [*self._path, version]

    def _note(self, version: int, text: str, one: Familiar) -> None:
        key = one.key or fingerprint(one.role, text)
        self.texts[version] = text
        self.messages[version] = Familiar(one.role, key, one.ours, one.name)
        self.by_key[key].append(version)


def _reply(text: str, name: str | None) -> Reply:
    return Reply(
        text=text,
        model="test",
        finish_reason="stop",
        usage=USAGE,
        time_to_first_token_ms=1.0,
        duration_ms=2.0,
        timings_ms={},
        said_at="2026-01-02T03:04:05+00:00",
        name=name,
    )
