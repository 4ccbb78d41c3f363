"""A client does at random what users do; after each request our path is its chat, and all the rest holds too.

In the night some 10,000 steps, in the gate some hundreds.
"""

import asyncio
import copy
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from api.chat.request import Address, Answer
from api.ports import Delta, ModelFailed
from domain.events import ContextBuilt
from domain.keys import normalised
from domain.prompt import Prompt
from domain.session import session_id
from tests.fakes import MemoryEventLog
from tests.fakes_models import HashEncoder, ScriptedModel
from tests.nightly import count
from tests.system import OWNER, Outside, Rules, System, system
from tests.tavern import Line, Tavern
from tests.turn_fakes import events_of, first, of_kind

CHAT = "chat"
WORDS = ("sea", "lamp", "storm", "ship", "tower", "stove", "night", "rain", "morning", "light")

T = TypeVar("T")
phrases = st.lists(st.sampled_from(WORDS), min_size=2, max_size=6).map(" ".join)
places = st.integers(min_value=0, max_value=10_000)


class Client(RuleBasedStateMachine):
    """A user at a client that never says what was edited, swiped, deleted or branched."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._directory = tempfile.TemporaryDirectory()
        self.model, self.encoder = ScriptedModel(), HashEncoder()
        outside = Outside(log=MemoryEventLog(), model=self.model, encoder=self.encoder)
        self._context = system(Path(self._directory.name), outside=outside, rules=Rules(window_messages=4))
        self.heartline: System = self._run(self._context.__aenter__())
        self.tavern = Tavern()
        self.branches: list[list[Line]] = []
        self.pending = False
        """Whether the user did something that the server has not seen yet."""
        self.paths: dict[int, list[int]] = {}
        self._said = 0

    def teardown(self) -> None:
        self._run(self._replay_all())
        self._run(self._context.__aexit__(None, None, None))
        self._runner.close()
        self._directory.cleanup()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _text(self, phrase: str) -> str:
        """No two texts are the same."""
        self._said += 1
        return f"{phrase} {self._said}."

    # -- what is sent --------------------------------------------------------------------------------------------------

    def _ask(self, prompt: Prompt) -> Coroutine[Any, Any, Answer]:
        address = Address(external_id=CHAT, identified_by="header")
        request = self.heartline.request(address, prompt.messages)
        return self.heartline.turns.answer(replace(request, streaming=prompt.streaming))

    def _post(self, prompt: Prompt, reply: str) -> str:
        """The reply, heard whole."""

        async def post() -> str:
            self.model.will(*(f"{word} " for word in reply.split(" ")[:-1]), reply.split(" ")[-1])
            answer = await self._ask(prompt)
            return "".join([item.text async for item in answer.stream() if isinstance(item, Delta)])

        heard = self._run(post())
        self.pending = False
        self._check()
        return heard

    # -- what must hold ------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """The path is the chat; nothing that is off it was recalled."""
        self._check_recall()
        log = self.heartline.log
        self._run(self.heartline.follower.reached(log.last_position(), log.last_sequence()))
        self._note_path()

    def _check_recall(self) -> None:
        event = of_kind(self.heartline, CHAT, ContextBuilt)[-1]
        path = set(self._path_at(event.originator_version))
        told = [one["version"] for one in event.recall["candidates"] if one["kind"] == "message"]
        assert path.issuperset(told)

    def _path_at(self, version: int) -> list[int]:
        return list(self._run(self.heartline.log.load(session_id(OWNER, CHAT), version)).path)

    def _note_path(self) -> None:
        session = self._run(self.heartline.log.load(session_id(OWNER, CHAT)))
        self.paths[session.version] = list(session.path)
        messages = self.heartline.models.conversation.messages(session.id)
        assert [message.version for message in messages] == list(session.path)

    def _follows(self, *, but_for: int = 0) -> None:
        """Message for message; `but_for` the last ones, of which less was kept than was sent."""
        path = self.heartline.models.conversation.messages(session_id(OWNER, CHAT))
        ours = [(message.role, normalised(message.text)) for message in path]
        shown = [(line.role, normalised(line.text)) for line in self.tavern.window]
        if self.tavern.limit is not None:
            ours = ours[-len(shown) :]
        assert ours[: len(ours) - but_for] == shown[: len(shown) - but_for]

    async def _replay_all(self) -> None:
        """Every turn replays, every old state is where it was, and nothing was encoded twice."""
        for event in of_kind(self.heartline, CHAT, ContextBuilt) if self.paths else ():
            replayed = await self.heartline.sessions.replay(OWNER, CHAT, event.turn)
            assert replayed["identical"] is True
        for version, path in self.paths.items():
            assert self.heartline.models.conversation.path(session_id(OWNER, CHAT), version) == path
        # A text of which two kept different ends is two texts.
        assert not [text for text, times in Counter(self.encoder.texts).items() if times > 1]

    # -- what users do -------------------------------------------------------------------------------------------------

    @initialize()
    def greet(self) -> None:
        self.tavern.hear("Sit down, the kettle is nearly there.")

    @rule(phrase=phrases, reply=phrases)
    def send(self, phrase: str, reply: str) -> None:
        self.tavern.say(self._text(phrase))
        self.tavern.hear(self._post(self.tavern.prompt(), self._text(reply)))
        self._follows()

    @precondition(lambda self: self.tavern.answers and len(self.tavern.shown) > 2 and not self.tavern.doubled)
    @rule(reply=phrases)
    def swipe(self, reply: str) -> None:
        line = self.tavern.swipe()
        line.text = self._post(self.tavern.prompt(), self._text(reply))
        line.variants.append(line.text)
        self.tavern.chat.append(line)
        self._follows()

    @precondition(lambda self: self.tavern.answers)
    @rule(place=places)
    def swipe_back(self, place: int) -> None:
        variants = self.tavern.chat[-1].variants
        self.tavern.chat[-1].text = variants[place % len(variants)]
        self.pending = True

    @precondition(lambda self: self.tavern.lore is None and len(self.tavern.window) > 2)
    @rule(place=places, phrase=phrases)
    def edit(self, place: int, phrase: str) -> None:
        line = self.tavern.window[place % len(self.tavern.window)]
        if line.seen:
            line.text = self._text(phrase)
            self.pending = True

    @precondition(lambda self: self.tavern.lore is None and len(self.tavern.window) > 4)
    @rule(place=places)
    def delete(self, place: int) -> None:
        """Not the first one: whether that is trimmed or removed nobody can see at once."""
        inner = self.tavern.window[1:]
        self.tavern.chat.remove(inner[place % len(inner)])
        self.pending = True

    @precondition(lambda self: self.tavern.lore is None and len(self.tavern.window) > 4)
    @rule(place=places)
    def hide(self, place: int) -> None:
        inner = self.tavern.window[1:]
        line = inner[place % len(inner)]
        line.hidden, line.seen = True, not self.pending and line.seen
        self.pending = True

    @precondition(lambda self: self.tavern.lore is None)
    @rule()
    def show_all(self) -> None:
        for line in self.tavern.chat:
            line.hidden = line.hidden and not line.seen
        self.pending = True

    @precondition(lambda self: len(self.tavern.shown) > 4 and not self.pending and self.tavern.limit is None)
    @rule(place=places)
    def branch(self, place: int) -> None:
        self.branches.append(copy.deepcopy(self.tavern.chat))
        del self.tavern.chat[2 + place % (len(self.tavern.chat) - 2) :]
        self.pending = True

    @precondition(lambda self: self.branches and not self.pending and self.tavern.limit is None)
    @rule(place=places)
    def change_branch(self, place: int) -> None:
        at = place % len(self.branches)
        self.tavern.chat, self.branches[at] = self.branches[at], self.tavern.chat
        self.pending = True

    @precondition(lambda self: self.tavern.answers and self.paths and not self.pending)
    @rule(reply=phrases, nudged=st.booleans())
    def go_on(self, reply: str, nudged: bool) -> None:
        line = self.tavern.chat[-1]
        heard = self._post(self.tavern.continuing(nudged=nudged), self._text(reply))
        line.text = f"{line.text} {heard}"
        line.variants.append(line.text)
        self._follows()

    @rule(phrase=phrases, reply=phrases, kept=st.integers(1, 3))
    def stop(self, phrase: str, reply: str, kept: int) -> None:
        """The client hangs up, and keeps less than was sent."""
        self.tavern.say(self._text(phrase))

        async def stop() -> None:
            self.model.will(*(f"{word} " for word in self._text(f"{reply} and more of it, without an end").split(" ")))
            answer = await self._ask(self.tavern.prompt())
            pieces = await first(answer, kept + 2)
            await answer.cancel()
            self.tavern.hear(" ".join("".join(pieces).split()[:kept]))

        self._run(stop())
        self.pending = True
        self._check()
        self._follows(but_for=1)

    @rule(phrase=phrases)
    def fail(self, phrase: str) -> None:
        self.tavern.say(self._text(phrase))

        async def fail() -> None:
            self.model.will(ModelFailed("No.", code="upstream_error", status=502))
            try:
                await self._ask(self.tavern.prompt())
            except ModelFailed:
                return
            raise AssertionError("The model was to fail.")

        self._run(fail())
        self.pending = False
        self._check()
        self._follows()

    @precondition(lambda self: self.tavern.answers and self.paths and not self.pending)
    @rule(streaming=st.booleans())
    def ask_beside(self, streaming: bool) -> None:
        """A summary, or a line for the user to say."""
        before = len(events_of(self.heartline, CHAT))
        prompt = self.tavern.prompt(streaming=streaming, behind=[self._text("Sum it up")])

        async def ask() -> bool:
            self.model.will("It rains.")
            answer = await self._ask(prompt)
            async for _ in answer.stream():
                pass
            return answer.is_turn

        assert not self._run(ask())
        assert len(events_of(self.heartline, CHAT)) == before

    @precondition(lambda self: not self.pending)
    @rule(limit=st.integers(6, 12))
    def trim(self, limit: int) -> None:
        self.tavern.limit = limit if len(self.tavern.shown) > limit else None

    @rule()
    def raise_the_limit(self) -> None:
        self.tavern.limit = None
        self.pending = True

    @precondition(lambda self: not self.pending and len(self.tavern.shown) > 4)
    @rule()
    def change_lore(self) -> None:
        """A text of the user's role comes or goes, two messages from the end."""
        self.tavern.lore = None if self.tavern.lore is not None else "(The wind howls around the tower.)"


Client.TestCase.settings = settings(
    max_examples=count(12, 200),
    stateful_step_count=count(30, 60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestFollowing = Client.TestCase
