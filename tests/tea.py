"""A talk over tea: a long session for tests of what the model is shown, and what was shown last."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.budget import Shares
from domain.events import ContextBuilt
from domain.messages import Instruction, Message
from domain.records import Json, NeutralMessage
from domain.session import session_id
from tests.fakes import MemoryEventLog
from tests.fakes_models import ScriptedModel
from tests.system import OWNER, Outside, Rules, System, read, system
from tests.turn_fakes import of_kind

TEA = session_id(OWNER, "tea")
SMALL = Shares(window=400)
JOY = "I am so happy, glad and delighted"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What was sent for the last request, and what was recorded of it."""

    event: ContextBuilt
    messages: list[NeutralMessage]
    left_out: int

    def part(self, *parts: str) -> list[str]:
        pairs = zip(self.event.manifest, self.messages, strict=True)
        return [message["content"] for entry, message in pairs if entry["part"] in parts]

    @property
    def window(self) -> set[int]:
        """Versions of the messages in the window."""
        of = [entry["segments"][0].get("of", 0) for entry in self.event.manifest if entry["part"] == "history"]
        return set(of)

    def having(self, verdict: str) -> list[int]:
        """Versions of the candidates with this verdict."""
        candidates = self.event.recall["candidates"]
        return [candidate["version"] for candidate in candidates if candidate["verdict"] == verdict]


class Talk:
    """A session named tea, and what the model is shown in it."""

    def __init__(self, heartline: System, model: ScriptedModel) -> None:
        self.heartline = heartline
        self.model = model

    async def bring_in(self, texts: Sequence[str]) -> None:
        """A dialogue of the past, an hour from message to message, read and encoded."""
        messages: list[Json] = [
            {"role": "assistant" if place % 2 else "user", "text": text, "time": f"2026-04-20T{place % 24:02}:00:00Z"}
            for place, text in enumerate(texts)
        ]
        await self.heartline.archive.import_(OWNER, {"messages": messages}, "tea")
        await self.heartline.look_after("tea")

    async def ask(self, *messages: Message | Instruction) -> Shown:
        answer = await self.heartline.ask("tea", *messages)
        await read(answer)
        event = of_kind(self.heartline, "tea", ContextBuilt)[-1]
        return Shown(event=event, messages=self.model.calls[-1].messages, left_out=answer.left_out)

    async def say(self, text: str) -> Shown:
        return await self.ask(self.heartline.said(text))


@asynccontextmanager
async def talk(directory: Path, rules: Rules) -> AsyncGenerator[Talk, None]:
    model = ScriptedModel()
    async with system(directory, outside=Outside(log=MemoryEventLog(), model=model), rules=rules) as heartline:
        yield Talk(heartline, model)


def chatter(count: int) -> list[str]:
    return [f"Message {number} is about the weather of day {number}" for number in range(count)]
