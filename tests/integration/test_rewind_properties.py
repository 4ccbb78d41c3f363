"""After a rewind to N a session remembers what it remembered at N: no more, no less."""

import tempfile
from pathlib import Path
from typing import Any, cast

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from api.services import Page, RecallQuestion
from domain.messages import Instruction
from tests.system import OWNER, Rules, System, read, system

WORDS = ("tea", "rain", "happy", "river", "marmalade", "sorrow")
STEP = st.tuples(
    st.sampled_from(["say", "say", "say", "persona", "carry", "swipe", "rewind", "look after"]),
    st.integers(min_value=0, max_value=2**12),
)


# A version between a message and what was felt in it is no place to compare at: the feeling is of the text, and stays.
# Likewise a summary: written later, it holds for whatever path begins as it says.
UNSUMMARISED = Rules(summarise_after=1_000)


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(steps=st.lists(STEP, min_size=3, max_size=8), place=st.integers(min_value=0, max_value=2**12))
async def test_a_rewound_session_is_as_it_was(steps: list[tuple[str, int]], place: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with system(Path(folder), rules=UNSUMMARISED) as heartline:
            await heartline.talk("other", *(f"I am {word}, {word}!" for word in WORDS))
            await heartline.talk("chat", "Hello")
            stops = [1, await _version(heartline)]
            for name, number in steps:
                await _step(heartline, name, number)
                stops.append(await _version(heartline))
            to = stops[place % len(stops)]
            then = await _remembered(heartline, at=to)

            await heartline.branches.rewind(OWNER, "chat", to=to)

            assert await _remembered(heartline, at=None) == then


async def _step(heartline: System, name: str, number: int) -> None:
    text = f"{WORDS[number % 6]} and {WORDS[number // 6 % 6]}, number {number}"
    match name:
        case "persona":
            persona = Instruction(role="system", text=f"You are {WORDS[number % 3]}.")
            await read(await heartline.ask("chat", persona, heartline.said(text)))
        case "carry":
            said = await heartline.sessions.messages(OWNER, "other", at=None, page=Page(limit=100))
            rows = cast("list[dict[str, Any]]", said["data"])
            source = rows[number % len(rows)]["version"]
            await heartline.branches.carry(OWNER, "chat", source="other", version=source)
        case "swipe":
            said = await heartline.sessions.messages(OWNER, "chat", at=None, page=Page(limit=1000))
            texts = [one["text"] for one in cast("list[dict[str, Any]]", said["data"]) if one["role"] == "user"]
            await heartline.talk("chat", texts[-1] if texts else text)
        case "rewind":
            await heartline.branches.rewind(OWNER, "chat", to=1 + number % await _version(heartline))
        case "look after":
            await heartline.look_after("chat")
        case _:
            await heartline.talk("chat", text)


async def _version(heartline: System) -> int:
    return cast("int", (await heartline.sessions.state(OWNER, "chat", at=None))["version"])


async def _remembered(heartline: System, at: int | None) -> dict[str, Any]:
    """Everything that is in view or may be recalled. What was spent stays spent: usage is no part of it."""
    state = dict(await heartline.sessions.state(OWNER, "chat", at=at))
    found: dict[str, Any] = {
        name: state[name] for name in ("persona", "working_memory", "summary", "emotion", "messages")
    }
    for word in (*WORDS, "number"):
        question = RecallQuestion(query=f"Where is {word}?", k=100, at=at, filters={})
        recalled = cast("list[dict[str, Any]]", (await heartline.sessions.recall(OWNER, "chat", question))["data"])
        found[word] = [(one["kind"], one["version"], one["score"], one["text"]) for one in recalled]
    return found
