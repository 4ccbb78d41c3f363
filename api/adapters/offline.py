"""The language model of a fresh machine: no key, no network, and no pretence.

It says that it is offline and answers from what was recalled, so that one sees the memory at work. It knows nothing but
the neutral messages; equal messages give equal replies.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from api.ports import Delta, Finish, Streamed, Unsupported
from domain.budget import TokenCounter
from domain.recalled import RECALL_HEADING
from domain.records import FinishReason, JsonObject, NeutralMessage, Usage

MODEL: Final = "heartline-offline"
MOST_MEMORIES: Final = 3
LONGEST_QUOTE: Final = 300
LONGEST_ECHO: Final = 60

OPENING: Final = "I am offline: no language model is configured, so I can only tell you what I remember."

# A recalled memory as `domain.recalled.Quotation` writes it: `- Robin, three days ago: “text”`.
_MEMORY = re.compile(
    r'^- (?:(?P<who>[^:\n]+), (?P<when>[^,:\n]+)|(?P<source>[^:\n]+)): ["“](?P<text>.*?)["”]$', re.MULTILINE | re.DOTALL
)
_PERSONS: Final = {"user": "you", "you": "you", "assistant": "I", "i": "I"}
_WORD = re.compile(r"\w{3,}")
_EMPTY_WORDS: Final = (
    "about and are but can could did does for from had has have her him his how into not now our out she should some "
    "tell that the their them then there they this was were what when where which who why will with would you your"
)


@dataclass(frozen=True, slots=True)
class Memory:
    """A recalled quotation: who said it, when (in words, may be empty), and what."""

    who: str
    when: str
    text: str

    def __str__(self) -> str:
        said = f"said {self.when}" if self.when else "said"
        who = _PERSONS.get(self.who.casefold(), self.who)
        return f"{who} {said}: “{shortened(self.text, LONGEST_QUOTE)}”"


class OfflineModel:
    """A ChatModel. Streams a word every `delay_seconds`, so that streaming can be seen; zero for none."""

    def __init__(self, *, tokens: TokenCounter, delay_seconds: float = 0.0) -> None:
        self._tokens = tokens
        self._delay_seconds = delay_seconds

    @property
    def provider(self) -> Literal["offline"]:
        return "offline"

    @property
    def default(self) -> str:
        return MODEL

    async def models(self) -> list[str]:
        return [MODEL]

    def check(self, *, model: str, parameters: JsonObject, images: bool) -> None:
        """A sentence has no format, and who only remembers neither calls tools nor sees."""
        wanted = parameters.get("response_format")
        if isinstance(wanted, dict) and wanted.get("type") not in (None, "text"):
            raise _unsupported("response_format", "answers in plain text only: leave response_format out")
        if parameters.get("tools") and parameters.get("tool_choice") != "none":
            raise _unsupported("tools", "calls no tools: leave them out")
        if images:
            raise _unsupported("messages", "sees no images: send text")

    async def stream(
        self, messages: Sequence[NeutralMessage], *, model: str, parameters: JsonObject
    ) -> AsyncGenerator[Streamed, None]:
        """Words, then the Finish. `model` is ignored; of the parameters, limits and stop strings are honoured."""
        self.check(model=model, parameters=parameters, images=False)
        text, reason = limited(reply(messages), parameters)
        for word in re.findall(r"\s*\S+\s*", text):
            yield Delta(word)
            await asyncio.sleep(self._delay_seconds)
        yield Finish(reason, self._usage(messages, text), MODEL)

    async def close(self) -> None:
        """Nothing is held."""

    def _usage(self, messages: Sequence[NeutralMessage], text: str) -> Usage:
        return Usage(
            input_tokens=sum(self._tokens.count(message["content"]) for message in messages),
            output_tokens=self._tokens.count(text),
            cached_tokens=0,
            reasoning_tokens=0,
            estimated=True,
        )


def reply(messages: Sequence[NeutralMessage]) -> str:
    """The whole answer to these messages."""
    dialogue = [message for message in messages if message["role"] in ("user", "assistant") and message["content"]]
    asked = next((message["content"] for message in reversed(dialogue) if message["role"] == "user"), "")
    subject = f"About “{shortened(asked, LONGEST_ECHO)}”" if asked.strip() else "About this"
    earlier = [as_memory(message) for message in dialogue if message["content"] != asked]
    earlier = [memory for memory in earlier if OPENING not in memory.text]
    if memories := best(recalled(messages), earlier, asked):
        return f"{OPENING} {subject}: {'; '.join(str(memory) for memory in memories)}"
    last = f"Last, {earlier[-1]}" if earlier else "Tell me something, and I will remember it."
    return f"{OPENING} {subject} I find nothing earlier in our conversation. {last}"


def recalled(messages: Sequence[NeutralMessage]) -> list[Memory]:
    """The memories that the context quotes, in its order."""
    quoted = (message["content"] for message in messages if message["content"].startswith(RECALL_HEADING))
    found = (match for content in quoted for match in _MEMORY.finditer(content))
    return [Memory(match["who"] or match["source"], match["when"] or "", match["text"]) for match in found]


def as_memory(message: NeutralMessage) -> Memory:
    """A message that the context still shows whole."""
    return Memory(message.get("name") or message["role"], "earlier", message["content"])


def best(quoted: Sequence[Memory], shown: Sequence[Memory], asked: str) -> list[Memory]:
    """Up to three memories, those that share most words with the question first; between equals what was recalled.

    Of the messages still shown only statements count that share a word with it: in a short conversation they are all
    there is, since nothing is recalled that the context shows anyway.
    """
    wanted = words(asked)
    told = [memory for memory in shown if not memory.text.rstrip().endswith("?") and wanted & words(memory.text)]
    return sorted([*quoted, *told], key=lambda memory: -len(wanted & words(memory.text)))[:MOST_MEMORIES]


def limited(text: str, parameters: JsonObject) -> tuple[str, FinishReason]:
    """The text up to the first stop string, and at most as many words as tokens were allowed."""
    stop = parameters.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, Sequence) else []
    for end in stops:
        if isinstance(end, str) and end:
            text = text.split(end, 1)[0]
    limit = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
    pieces = re.findall(r"\s*\S+", text)
    if isinstance(limit, int) and len(pieces) > limit:
        return "".join(pieces[:limit]), "length"
    return text, "stop"


def _unsupported(param: str, reason: str) -> Unsupported:
    return Unsupported(f"The offline model {reason}, or configure a model (see README).", param=param)


def words(text: str) -> set[str]:
    """Words that may carry meaning, for comparing."""
    return {word.casefold() for word in _WORD.findall(text)}.difference(_EMPTY_WORDS.split())


def shortened(text: str, longest: int) -> str:
    """On one line and at most `longest` characters, cut at a word's end."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest].rsplit(' ', 1)[0]}…"
