"""Which messages a prompt's dialogue consists of, once everything is out that a client puts around and between them.

Instructions (rule 1), names before the texts (rule 8), folded instructions and learned injections (rule 9) are taken
out, messages that a rewind cut off (rule 11) are left out. What is known as it stands is not looked at any closer.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple

from domain import folding, names
from domain.keys import fingerprint
from domain.known import Known
from domain.messages import Message
from domain.prompt import Prompt
from domain.recalled import RECALL_HEADING

REPLIES_SOUGHT: Final = 8
"""Replies, the newest, that are looked for in a single message."""

NAMES_TRIED: Final = 64
"""Words before a colon that are looked up among the instructions; a transcript with more of them has no names."""


class Said(NamedTuple):
    """A message of the transcript's dialogue; `place` is its index there, -1 for one that only is known to be in it."""

    place: int
    message: Message
    key: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The dialogue as it is compared, the places of what is none of it but stays in what the model is shown, the keys
    of what was learned on the way, and how many messages were ignored because a rewind had cut them off."""

    said: Sequence[Said]
    aside: frozenset[int] = frozenset()
    learned: frozenset[int] = frozenset()
    ignored: int = 0


def read(prompt: Prompt, known: Known) -> Reading:
    """The prompt's dialogue."""
    return _Reader(prompt, known).read()


class _Reader:
    def __init__(self, prompt: Prompt, known: Known) -> None:
        self._prompt = prompt
        self._known = known
        self._is_name: dict[str, bool] = {}
        self._learned: set[int] = set()

    def read(self) -> Reading:
        if (chat := self._single()) is not None:
            return Reading(chat)
        self._learn_paragraph()
        said: list[Said] = []
        aside: set[int] = set()
        by_key, learned = self._known.by_key, self._known.prompts.learned
        for place, message in enumerate(self._prompt.dialogue):
            key = message.key
            # Mostly all of a transcript but its end is known as it stands.
            heard = Said(place, message, key) if key in by_key else self._heard(place, message, key)
            if heard is None:
                continue
            if heard.key in learned:
                aside.add(place)
            else:
                said.append(heard)
        left = self._without_cut(said)
        return Reading(left, frozenset(aside), frozenset(self._learned), len(said) - len(left))

    # -- one message ---------------------------------------------------------------------------------------------------

    def _heard(self, place: int, message: Message, key: int) -> Said | None:
        """A message that is not known as it stands; None where it is none."""
        if message.role == "tool":
            return Said(place, message, key)
        if message.text.startswith(RECALL_HEADING):
            return None
        if not message.text.strip():
            return Said(place, message, key) if message.images or message.tool_calls else None
        text = message.text
        if message.role == "user" and self._paragraphs:
            text = folding.unfolded(text, self._is_folded)
            if not text and self._is_word(place, message):
                text = message.text
        name, text = names.cut(text, self._names)
        if not text:
            return None
        if text == message.text:
            return Said(place, message, key)
        cleaned = replace(message, text=text, name=message.name or name)
        return Said(place, cleaned, cleaned.key)

    def _is_word(self, place: int, message: Message) -> bool:
        """A word or two that stand last are what the user says now, though an instruction may say the same."""
        return place == len(self._prompt.dialogue) - 1 and len(message.text.strip()) < folding.TELLING

    def _names(self, name: str) -> bool:
        if name not in self._is_name:
            self._is_name[name] = len(self._is_name) < NAMES_TRIED and self._seen(name)
        return self._is_name[name]

    def _seen(self, name: str) -> bool:
        if name in self._known.names or name in self._fields or self._before_known[name] >= 2:
            return True
        texts = [instruction.text for instruction in self._prompt.instructions]
        return names.stands_in(name, texts) or names.stands_in(name, self._known.instructions())

    @cached_property
    def _fields(self) -> frozenset[str]:
        return frozenset(message.name for message in self._prompt.dialogue if message.name)

    @cached_property
    def _before_known(self) -> "Counter[str]":
        """How often each word stands before a colon and a text that is known without it."""
        parts = [(message.role, names.parted(message.text)) for message in self._prompt.dialogue]
        return Counter(part[0] for role, part in parts if part and fingerprint(role, part[1]) in self._known.by_key)

    # -- folded prompts ------------------------------------------------------------------------------------------------

    def _is_folded(self, paragraph: str) -> bool:
        return fingerprint("user", paragraph) in self._paragraphs

    @cached_property
    def _paragraphs(self) -> frozenset[int]:
        """The keys that paragraphs of instructions would have as a user's messages."""
        known = {fingerprint("user", part) for part in folding.paragraphs(self._known.instructions())}
        return self._known.prompts.learned.union(known, self._learned)

    def _learn_paragraph(self) -> None:
        """What stood behind an older user message and now stands behind the last one is an instruction."""
        said = [message.text for message in self._prompt.dialogue if message.role == "user"]
        users = [version for version in self._known.path[-4:] if self._known.messages[version].role == "user"]
        for version in users:
            if self._known.messages[version].key in {fingerprint("user", text) for text in said[-3:]}:
                continue
            for earlier in said[-3:-1]:
                rest = folding.remainder(self._known.texts.get(version, ""), earlier)
                if rest and said[-1].rstrip().endswith(rest):
                    self._learned.update(fingerprint("user", part) for part in folding.paragraphs([rest]))

    def _single(self) -> list[Said] | None:
        """The end of a chat that came as one message, told by our own last replies in it."""
        dialogue, known = self._prompt.dialogue, self._known
        if len(dialogue) != 1 or dialogue[0].role != "user":
            return None
        ours = list(islice((one for one in reversed(known.path) if known.messages[one].ours), REPLIES_SOUGHT))
        found = folding.found_last(dialogue[0].text, [known.texts.get(version, "") for version in ours])
        if found is None:
            return None
        version = ours[found[0]]
        reply = Message(role="assistant", text=known.texts[version], said_at=dialogue[0].said_at)
        parts = names.parted(folding.unfolded(found[1], self._is_folded))
        text = parts[1] if parts is not None else folding.unfolded(found[1], self._is_folded)
        last = [Said(0, replace(dialogue[0], text=text), fingerprint("user", text))] if text else []
        return [Said(-1, reply, known.messages[version].key), *last]

    # -- rule 11 -------------------------------------------------------------------------------------------------------

    def _without_cut(self, said: Sequence[Said]) -> list[Said]:
        """Leave out what a rewind cut off, but for the message that the client asks now."""
        cut = self._known.prompts.cut
        if not cut:
            return list(said)
        keys = {self._known.messages[version].key for version in cut}
        on_path = set(self._known.keys(self._known.path))
        gone = keys - on_path
        return [one for place, one in enumerate(said) if one.key not in gone or place == len(said) - 1]


def assistants(said: Iterable[Said]) -> bool:
    """Whether replies are among the messages: then it is a transcript, else a thin client's newest words. A call of a
    tool is no reply yet."""
    return any(one.message.role == "assistant" and one.message.text.strip() for one in said)
