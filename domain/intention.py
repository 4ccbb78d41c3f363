"""What a request asks for, and whether it is memory at all (rules 6 to 8)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain import names
from domain.known import Known
from domain.messages import Instruction, Message
from domain.prompt import Prompt
from domain.reading import Said
from domain.records import TurnKind

_NUDGE: Final = re.compile(r"\bcontinue (your|the) (last|previous) (message|reply|response)\b", re.IGNORECASE)

_ASIDE: Final = frozenset({"quiet", "impersonate"})
_TURNS: Final = frozenset({"normal", "swipe", "regenerate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a transcript changes: the messages that it adds behind the place, and whether something left from there."""

    said: Sequence[Said]
    appended: Sequence[Message]
    displaced: bool

    @property
    def last(self) -> Said | None:
        return self.said[-1] if self.said else None


def is_raw(prompt: Prompt, known: Known) -> bool:
    """A bare prompt that belongs to no chat, or that came under a chat's id without being of it (rule 7)."""
    if prompt.mode is not None or not prompt.is_raw:
        return False
    of_chat = any(record["whole"] for record in known.prompts.latest)
    return not prompt.named or of_chat


def kind_of(change: Change, prompt: Prompt, known: Known) -> TurnKind | None:
    """The kind of turn; None for a prompt beside the chat, which is answered and never stored."""
    last = change.last
    if change.appended:
        return _of_new(change.appended[-1], prompt, known)
    if last is not None and _continues(prompt, known):
        return "continue"
    if last is not None and _is_aside(change, last, prompt, known):
        return None
    if last is not None and (last.message.role != "assistant" or change.displaced):
        return "regenerate"
    return "group" if _speaker_changed(prompt, known) else "empty"


def _of_new(newest: Message, prompt: Prompt, known: Known) -> TurnKind:
    if newest.role != "assistant":
        return "new"
    if isinstance(prompt.messages[-1], Message):
        return "continue"
    return "group" if _speaker_changed(prompt, known) else "empty"


def _continues(prompt: Prompt, known: Known) -> bool:
    """The last message stands behind the post-history instructions, which formerly stood last (rule 6)."""
    endings = known.prompts.endings.get(prompt.persona, frozenset())
    behind = prompt.before_last is not None and prompt.before_last in endings
    last = prompt.messages[-1]
    nudged = isinstance(last, Instruction) and bool(_NUDGE.search(last.text))
    return behind or nudged or prompt.hint == "continue"


def _is_aside(change: Change, last: Said, prompt: Prompt, known: Known) -> bool:
    """Quiet and impersonation prompts: nothing new, nothing displaced, and a last instruction that never stood last."""
    if change.displaced or prompt.mode is not None or prompt.hint in _TURNS:
        return False
    if prompt.hint in _ASIDE:
        return True
    if not known.path and not known.prompts.latest:
        return not prompt.named and not prompt.streaming and last.message.role == "assistant"
    endings = known.prompts.endings
    new_here = prompt.persona not in endings
    unanswered = last.message.role != "assistant"
    if prompt.ending is None or (prompt.streaming and (new_here or unanswered)):
        return False
    return prompt.ending not in endings.get(prompt.persona, frozenset())


def _speaker_changed(prompt: Prompt, known: Known) -> bool:
    last = known.prompts.last
    return last is not None and last["persona"] != prompt.persona


def speaker(said: Sequence[Said], prompt: Prompt) -> str | None:
    """Who is to answer in a group: the only name of those who talk that stands in the last instructions, else the one
    that the first system text names first. None where replies bear no names."""
    talking = {one.message.name for one in said if one.message.role == "assistant" and one.message.name}
    if not talking:
        return None
    trailing: list[str] = []
    for message in reversed(prompt.messages):
        if isinstance(message, Message):
            break
        trailing.append(message.text)
    asked = {name for name in talking if names.stands_in(name, trailing)}
    if len(asked) == 1:
        return asked.pop()
    first = prompt.messages[0]
    return names.first_named(talking, first.text) if isinstance(first, Instruction) else None
