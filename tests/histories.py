"""Random but valid histories of several sessions that fork from one another, for properties that hold for all."""

from collections.abc import Callable, Sequence

from api.ports import EventLog
from domain import path as paths
from domain.operations import Rearrange
from tests.builders import SessionBuilder, vector

Step = tuple[str, int]
"""What happens, and a number that decides to which session and message."""


class History:
    """Random but valid steps over sessions of one owner. A step that is not possible at the moment does nothing."""

    def __init__(self) -> None:
        self.sessions = [SessionBuilder("chat-0")]
        self._words = ("tea", "rain", "Anna's", "running", "the", "river", "happy", "Where?")

    async def play(self, steps: Sequence[Step], log: EventLog) -> None:
        """Play the steps and store their events in the log, step by step."""
        await self.sessions[0].store(log)
        for name, number in steps:
            alive = [builder for builder in self.sessions if not builder.session.erased]
            if not alive:
                return
            builder = alive[number % len(alive)]
            self._step(builder, name, number // len(alive))
            for changed in self.sessions:
                written = [event.originator_version for event in changed.events if event.TOPIC in WITH_VECTOR]
                await changed.store(log, vectors=[vector(changed.id, version) for version in written])

    def _step(self, builder: SessionBuilder, name: str, number: int) -> None:
        if builder.session.open_turn is not None and name not in ("feel", "carry", "fork"):
            _ENDINGS[number % len(_ENDINGS)](builder)
        text = " ".join(self._words[(number >> shift) % len(self._words)] for shift in (0, 3, 6))
        if name == "fork":
            first = builder.events[0].originator_version
            at = first + number % (builder.version - first + 1)
            self.sessions.append(builder.fork(f"chat-{len(self.sessions)}", at))
        elif builder.path or name in _WITHOUT_PATH:
            STEPS[name](builder, number, text)


def _pick(builder: SessionBuilder, number: int) -> int:
    return builder.path[number % len(builder.path)]


def _backfill(builder: SessionBuilder, number: int, text: str) -> None:
    version = builder.say(text, origin="backfilled")
    place = number % (len(builder.path) + 1)
    builder.arrange("backfill", [*builder.path[:place], version, *builder.path[place:]])


def _restore(builder: SessionBuilder, number: int, text: str) -> None:
    gone = [version for version in builder.session.messages if version not in builder.path]
    if gone:
        builder.arrange("restore", [*builder.path, gone[number % len(gone)]])


def _rewind(builder: SessionBuilder, number: int, text: str) -> None:
    first = builder.events[0].originator_version
    builder.rewind(first + number % (builder.version - first + 1))


def _persona(builder: SessionBuilder, number: int, text: str) -> None:
    builder.reply(text, persona=builder.instruct(f"You are {text}.", "Be kind."))


def _edit_apart(builder: SessionBuilder, number: int, text: str) -> None:
    """Two places of the path change in one event."""
    path = builder.path
    if len(path) > 2:
        out, last = path[0], path[-1]
        splices = [paths.splice(0, [out], []), paths.splice(len(path) - 1, [last], [out, last])]
        builder.session.receive(turn=None, operations=[Rearrange("reorder", splices)])
        builder.say(text)


_ENDINGS: tuple[Callable[[SessionBuilder], object], ...] = (
    lambda builder: builder.complete("At last"),
    lambda builder: builder.complete("Cut sh", finish_reason="cancelled"),
    lambda builder: builder.fail(),
)

STEPS: dict[str, Callable[[SessionBuilder, int, str], object]] = {
    "say": lambda builder, number, text: builder.say(text),
    "say more": lambda builder, number, text: builder.say(text),
    "reply": lambda builder, number, text: builder.reply(text),
    "reply twice": lambda builder, number, text: builder.reply(text, "Another choice"),
    "open": lambda builder, number, text: builder.open_turn(),
    "tool": lambda builder, number, text: builder.say(text, "tool"),
    "persona": _persona,
    "backfill": _backfill,
    "swipe": lambda builder, number, text: builder.swipe(text),
    "edit": lambda builder, number, text: builder.edit(_pick(builder, number), text),
    "extend": lambda builder, number, text: builder.extend(text),
    "remove": lambda builder, number, text: builder.remove(_pick(builder, number)),
    "restore": _restore,
    "reorder": lambda builder, number, text: builder.arrange("reorder", builder.path[::-1]),
    "edit apart": _edit_apart,
    "rewind": _rewind,
    "summarise": lambda builder, number, text: builder.summarise(1 + number % len(builder.path), text),
    "carry": lambda builder, number, text: builder.carry(text, source=builder.id, version=1),
    "feel": lambda builder, number, text: builder.feel(_pick(builder, number), text.split()[0]),
    "forget": lambda builder, number, text: builder.forget(_pick(builder, number)),
    "erase": lambda builder, number, text: builder.erase(),
}
"""What can happen to a session, besides `fork`."""

_WITHOUT_PATH = frozenset({"say", "say more", "reply", "open", "tool", "persona", "carry", "erase"})

WITH_VECTOR = frozenset({"session.message-received", "session.message-edited", "session.memory-carried"})
"""Topics whose texts a history stores a vector for."""
