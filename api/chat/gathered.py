"""What a reply says, put together from its deltas: for the log, and for clients that do not read it as a stream."""

from dataclasses import dataclass, field

from api.ports import Delta, ReasoningDelta, ReplyDelta, ToolCallDelta
from domain.records import JsonObject


@dataclass(slots=True)
class Call:
    """A tool call as far as it came. `arguments` is JSON in pieces."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])
    extra: JsonObject | None = None

    def take(self, piece: ToolCallDelta) -> None:
        self.id = piece.id or self.id
        self.name = piece.name or self.name
        self.extra = piece.extra or self.extra
        self.arguments.append(piece.arguments)

    @property
    def whole(self) -> JsonObject:
        """In OpenAI's shape; what the provider wants back goes by the name that compatible servers gave it."""
        function: JsonObject = {"name": self.name, "arguments": "".join(self.arguments)}
        call: JsonObject = {"id": self.id, "type": "function", "function": function}
        return call if self.extra is None else {**call, "extra_content": self.extra}


@dataclass(slots=True)
class Choice:
    """One of a reply's choices as far as it came."""

    said: list[str] = field(default_factory=list[str])
    thought: list[str] = field(default_factory=list[str])
    calls: dict[int, Call] = field(default_factory=dict[int, Call])
    refusal: bool = False

    @property
    def text(self) -> str:
        return "".join(self.said)

    @property
    def reasoning(self) -> str:
        return "".join(self.thought)

    @property
    def tool_calls(self) -> list[JsonObject]:
        return [self.calls[index].whole for index in sorted(self.calls)]

    @property
    def blank(self) -> bool:
        """Whether it neither says a word nor calls a tool."""
        return not self.calls and not self.text.strip()


class Gathered:
    """All choices of a reply, growing with every delta."""

    def __init__(self) -> None:
        self._choices: list[Choice] = []

    def take(self, delta: ReplyDelta) -> None:
        choice = self.choices(delta.choice + 1)[delta.choice]
        match delta:
            case Delta():
                choice.said.append(delta.text)
                choice.refusal = choice.refusal or delta.refusal
            case ReasoningDelta():
                choice.thought.append(delta.text)
            case ToolCallDelta():
                choice.calls.setdefault(delta.index, Call()).take(delta)

    def choices(self, count: int = 1) -> list[Choice]:
        """As many as there are, and at least `count`: of those that said nothing nothing is known."""
        missing = count - len(self._choices)
        self._choices.extend(Choice() for _ in range(missing))
        return self._choices
