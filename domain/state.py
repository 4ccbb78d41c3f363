"""The state of a session: only what it must decide on, and what each event does to it, live and on replay alike.

Never refuses and never decides: what is stored has happened. Texts, vectors and scores are the projections'.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from eventsourcing.domain import Aggregate

from domain import path as paths
from domain.events import (
    ContextBuilt,
    FirstEvent,
    InstructionReceived,
    MessageEdited,
    MessageReceived,
    PathChanged,
    PersonaDefined,
    ReplyCompleted,
    ReplyExtended,
    SessionErased,
    SessionEvent,
    SessionForked,
    TurnFailed,
)
from domain.turn import OpenTurn


class SessionState(Aggregate):
    """What a session knows of itself. `path` and `messages` hold versions, the latter ascending, of every message there
    ever was; `instructions` and `personas` have versions by digest."""

    owner: str
    external_id: str
    path: "array[int]"
    messages: "array[int]"
    instructions: dict[str, int]
    personas: dict[str, int]
    open_turn: OpenTurn | None
    erased: bool

    def evolve(self, event: SessionEvent) -> None:
        """Bring the session from before the event to after it. Events that decide nothing leave it as it is."""
        match event:
            case FirstEvent():
                self._begin(event)
            case InstructionReceived():
                self.instructions[event.sha256] = event.originator_version
            case PersonaDefined():
                self.personas[paths.digest(event.instructions)] = event.originator_version
            case MessageReceived() | MessageEdited() | ReplyCompleted() | ReplyExtended():
                self._take_in(event)
            case PathChanged():
                self.path = paths.apply_splices(self.path, event.splices)
            case ContextBuilt():
                self.open_turn = _opened_by(event)
            case TurnFailed():
                self.open_turn = None
            case SessionErased():
                self.erased = True
            case _:
                pass

    def go_back(self, at: int, path: Sequence[int]) -> None:
        """Be the session as of version `at`, when its path was `path`, to be forked there and then thrown away.

        All else that it knows has only ever grown, so no event has to be read again.
        """
        self.version = at
        self.path = array("q", path)
        del self.messages[bisect_right(self.messages, at) :]
        self.instructions = {digest: version for digest, version in self.instructions.items() if version <= at}
        self.personas = {digest: version for digest, version in self.personas.items() if version <= at}
        self.open_turn = None

    def _begin(self, event: FirstEvent) -> None:
        self.owner, self.external_id = event.owner, event.external_id
        self.path, self.messages = array("q"), array("q")
        self.instructions, self.personas = {}, {}
        self.open_turn = None
        self.erased = False
        if isinstance(event, SessionForked):
            self.path.extend(paths.from_ranges(event.path))
            self.messages.extend(paths.from_ranges(event.messages))
            self.instructions.update(event.instructions)
            self.personas.update(event.personas)

    def _take_in(self, event: MessageReceived | MessageEdited | ReplyCompleted | ReplyExtended) -> None:
        """Every message becomes known; what is said in order also joins the path, and a reply closes its turn."""
        self.messages.append(event.originator_version)
        match event:
            case MessageReceived(origin="client" | "imported") | ReplyCompleted(choice=0):
                self.path.append(event.originator_version)
            case _:
                pass
        if isinstance(event, ReplyCompleted | ReplyExtended):
            self.open_turn = None


def _opened_by(event: ContextBuilt) -> OpenTurn:
    return OpenTurn(id=event.turn, kind=event.kind, query=event.query)
