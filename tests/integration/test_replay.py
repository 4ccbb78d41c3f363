"""Random sessions through real turns: what was sent is what is recorded, and every turn ever made replays to it."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.adapters.offline import OfflineModel
from api.adapters.tokens import O200kTokens
from api.chat.request import Address
from api.ports import ModelFailed
from domain.budget import Shares
from domain.errors import ContextTooLong
from domain.events import ContextBuilt, SummaryWritten
from domain.folding import TELLING
from domain.manifest import context_sha256
from domain.messages import Instruction, Message
from domain.records import Json, JsonObject, NeutralMessage
from projections.policies import COSINE, HYBRID
from tests.drafts import tokens_of
from tests.fakes import MemoryEventLog
from tests.fakes_models import ScriptedModel, WordTokens
from tests.harbour import bring_in, conversation
from tests.system import NOON, OWNER, Outside, Rules, System, read, system
from tests.turn_fakes import events_of, of_kind, path_texts

WORDS = ("tea", "rain", "Ünal", "river", "happy", "love", "glad", "furious", "猫は", "🎉", "Where?", "Stop.", "it's")
JOY = "happy, glad and delighted"
TEXT = st.one_of(
    st.just(f"I am so {JOY}!"),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=25).map(" ".join),
    st.text(st.characters(codec="utf-8"), max_size=40),
)
PLACED = st.tuples(st.integers(0, 12), st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join))


@dataclass(frozen=True, kw_only=True)
class Step:
    """A request: how much of the transcript's end is left away first, what is said then, the instructions and where
    they stand, the limit of the response, and what the model answers."""

    swiped: int
    said: Sequence[str]
    thin: bool
    instructions: Sequence[tuple[int, str]]
    max_tokens: int | None
    reply: Sequence[str]
    fails: bool
    looked_after: bool


STEP = st.builds(
    Step,
    swiped=st.sampled_from((0, 0, 0, 1, 1, 2, 4)),
    said=st.lists(TEXT, max_size=3),
    thin=st.booleans(),
    instructions=st.lists(PLACED, max_size=3),
    max_tokens=st.sampled_from((None, None, 10, 100)),
    reply=st.lists(TEXT.filter(bool), min_size=1, max_size=2),
    fails=st.sampled_from((False, False, False, True)),
    looked_after=st.booleans(),
)
RULES = st.builds(
    Rules,
    policy=st.sampled_from((COSINE, HYBRID, replace(HYBRID, top_k=2, feeling=0.3))),
    shares=st.one_of(st.integers(30, 120), st.integers(200, 1500), st.just(4096)).map(
        lambda window: Shares(window=window)
    ),
    window_messages=st.sampled_from((0, 3, 10_000)),
    summarise_after=st.sampled_from((0, 3, 8)),
)


class Player:
    """Plays steps with a client that keeps its own transcript, and checks each context as it is sent."""

    def __init__(self, heartline: System, model: ScriptedModel, rules: Rules) -> None:
        self.heartline = heartline
        self.model = model
        self.rules = rules
        self.transcript: list[Message] = []
        self.instructions: set[str] = set()

    async def begin(self, past: int) -> None:
        """Bring in a dialogue of so many messages, with feelings in it."""
        self.transcript = [
            message("assistant" if place % 2 else "user", f"On day {place} I was {WORDS[place % len(WORDS)]}, {JOY}")
            for place in range(past)
        ]
        rows: list[Json] = [{"role": one.role, "text": one.text} for one in self.transcript]
        if rows:
            await self.heartline.archive.import_(OWNER, {"messages": rows}, "tea")
            await self.heartline.look_after("tea")

    async def play(self, step: Step) -> None:
        self.transcript = self.transcript[: len(self.transcript) - step.swiped]
        new = [message("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(step.said)]
        self.transcript += new
        sent: list[Message | Instruction] = list(new if step.thin and new else self.transcript)
        for place, text in step.instructions:
            sent.insert(min(place, len(sent)), Instruction(role="system", text=text))
            self.instructions.add(text)
        failure = [ModelFailed("No.", code="upstream_error", status=502)] if step.fails else []
        self.model.will(*step.reply, *failure)
        await self._request(sent, {} if step.max_tokens is None else {"max_tokens": step.max_tokens})
        if step.looked_after:
            await self.heartline.look_after("tea")

    async def _request(self, sent: Sequence[Message | Instruction], parameters: JsonObject) -> None:
        address = Address(external_id="tea", identified_by="header")
        before, calls = len(events_of(self.heartline, "tea")), len(self.model.calls)
        try:
            request = self.heartline.request(address, sent, parameters=parameters)
            answer = await self.heartline.turns.answer(request)
            text = await read(answer)
            if answer.is_turn:
                self.transcript.append(message("assistant", text))
        except ModelFailed:
            pass
        except ContextTooLong:
            assert len(events_of(self.heartline, "tea")) == before
            assert len(self.model.calls) == calls
            return
        if len(events_of(self.heartline, "tea")) == before:
            self.model.calls.pop()  # a prompt beside the chat
            return
        self._check(self.model.calls[-1].messages, sent)

    def _check(self, shown: Sequence[NeutralMessage], sent: Sequence[Message | Instruction]) -> None:
        """What was sent is what was recorded, nothing of the instructions is cut, and it fits."""
        event = of_kind(self.heartline, "tea", ContextBuilt)[-1]
        assert context_sha256(shown) == event.sha256
        persona = [
            one["content"] for one, entry in zip(shown, event.manifest, strict=True) if entry["part"] == "persona"
        ]
        assert persona == [one.text for one in sent if isinstance(one, Instruction)]
        parts = event.budget["parts"]
        tokens = sum(tokens_of(one, WordTokens()) for one in shown)
        assert tokens <= sum(share["used"] for share in parts.values())
        assert tokens + parts["response"]["allotted"] <= self.rules.shares.window
        assert len([entry for entry in event.manifest if entry["part"] == "history"]) <= self.rules.window_messages
        if sent and isinstance(sent[-1], Message) and self._is_said(sent[-1].text):
            assert shown[-1]["content"] == sent[-1].text

    def _is_said(self, text: str) -> bool:
        """What is as long as an instruction that was sent before, and the same, is taken for that."""
        told = {paragraph.casefold() for paragraph in self.instructions}
        return bool(text.strip()) and (len(text.strip()) < TELLING or text.strip().casefold() not in told)


def message(role: str, text: str) -> Message:
    return Message(role="user" if role == "user" else "assistant", text=text, said_at=NOON.isoformat())


async def replays(heartline: System, session: str) -> list[dict[str, Any]]:
    turns = [event.turn for event in of_kind(heartline, session, ContextBuilt)]
    return [cast("dict[str, Any]", await heartline.sessions.replay(OWNER, session, turn)) for turn in turns]


def throw_away_views(directory: Path) -> None:
    for file in directory.glob("views*"):
        file.unlink()


@settings(max_examples=30, deadline=None)
@given(rules=RULES, past=st.sampled_from((0, 10, 30)), steps=st.lists(STEP, min_size=1, max_size=10))
def test_every_turn_of_every_session_replays_to_what_was_sent(rules: Rules, past: int, steps: list[Step]) -> None:
    async def play() -> None:
        model = ScriptedModel()
        outside = Outside(log=MemoryEventLog(), model=model)
        with tempfile.TemporaryDirectory() as directory:
            async with system(Path(directory), outside=outside, rules=rules) as heartline:
                player = Player(heartline, model, rules)
                await player.begin(past)
                for step in steps:
                    await player.play(step)
                opened = of_kind(heartline, "tea", ContextBuilt)
                assert [context_sha256(call.messages) for call in model.calls] == [event.sha256 for event in opened]
                told = await replays(heartline, "tea") if opened else []
                assert [one["identical"] for one in told] == [True] * len(opened)
                assert [one["context"] for one in told] == [call.messages for call in model.calls]

    asyncio.run(play())


async def test_a_conversation_with_the_offline_model_replays(tmp_path: Path) -> None:
    """The real counter and the real offline model, on a real log; a summary stands in one of the contexts."""
    counter = O200kTokens()
    outside = Outside(model=OfflineModel(tokens=counter), counter=counter)
    rules = Rules(window_messages=4, summarise_after=4)
    async with system(tmp_path, outside=outside, rules=rules) as heartline:
        await bring_in(heartline)
        await heartline.talk(
            "harbour", "What was my cat called?", "I am so happy, glad and delighted!", "Who helped me?"
        )
        await heartline.look_after("harbour")
        await heartline.talk("harbour", "Where did I move?")

        told = await replays(heartline, "harbour")
        opened = of_kind(heartline, "harbour", ContextBuilt)
        assert of_kind(heartline, "harbour", SummaryWritten)

    assert [one["identical"] for one in told] == [True] * 4
    assert [one["rebuilt_sha256"] for one in told] == [event.sha256 for event in opened]
    assert opened[-1].summary is not None


async def test_a_turn_replays_after_the_views_were_thrown_away(tmp_path: Path) -> None:
    async with system(tmp_path) as heartline:
        await heartline.archive.import_(OWNER, conversation(), "harbour")
        await heartline.talk("harbour", "What was my cat called?", "Who helped me?")
        before = await replays(heartline, "harbour")
    throw_away_views(tmp_path)
    async with system(tmp_path) as heartline:
        await heartline.follower.reached(heartline.log.last_position())

        assert await replays(heartline, "harbour") == before
        assert [one["identical"] for one in before] == [True, True]


async def test_a_turn_replays_after_it_was_swiped_away(tmp_path: Path) -> None:
    async with system(tmp_path) as heartline:
        said = [message("user", "Hello"), message("assistant", "Hello there."), message("user", "How are you?")]
        await read(await heartline.ask("tea", said[0]))
        first = await heartline.ask("tea", *said)
        await read(first)
        await read(await heartline.ask("tea", *said))

        assert len(await path_texts(heartline, "tea")) == 4
        told = await replays(heartline, "tea")

    assert [one["identical"] for one in told] == [True, True, True]
    assert [one["content"] for one in told[1]["context"]] == ["Hello", "Hello there.", "How are you?"]


@pytest.mark.parametrize("window", [20, 60])
async def test_the_smallest_windows_hold_or_refuse(tmp_path: Path, window: int) -> None:
    async with system(tmp_path, rules=Rules(shares=Shares(window=window))) as heartline:
        with pytest.raises(ContextTooLong) as refused:
            await heartline.talk("tea", "word " * window)
        await heartline.talk("tea", "word " * (window // 2))

        assert refused.value.code == "context_length_exceeded"
        assert len(of_kind(heartline, "tea", ContextBuilt)) == 1
