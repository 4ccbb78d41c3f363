"""Texts of user or assistant role that a client puts between the messages: lore, notes, at a depth that stays (rule 9).

A text that is new between two matches is held. Seen again between the same two, with more behind it, it is a message;
seen elsewhere it is an injection, and learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from domain.known import Known
from domain.prompt import Prompt
from domain.reading import Said
from domain.records import HeldRecord

MET_MID_CHAT: Final = 5
"""Messages from which an unknown history is a history and not a few injections."""

MOST: Final = 8
"""Unknown texts of one request up to which those between two matches may be injections. More of them are messages."""

Verdict = Literal["message", "held", "learned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Where a text stands that is not known: the keys of what is around it, and how much of the dialogue is behind."""

    before: int | None
    behind: int | None
    depth: int


def judged(one: Said, at: Between, known: Known) -> Verdict:
    """What the text is taken for now."""
    last = known.prompts.last
    for held in last["held"] if last is not None else ():
        if held["key"] == one.key:
            if (held["before"], held["behind"]) != (at.before, at.behind):
                return "learned"
            return "message" if at.depth > held["depth"] else "held"
    return "held"


def held(one: Said, at: Between) -> HeldRecord:
    """What has to be known of it at the next request."""
    return {"key": one.key, "before": at.before, "behind": at.behind, "depth": at.depth}


def moves_with_the_end(version: int, path: Sequence[int], depth: int, known: Known) -> bool:
    """Whether a message of the path that now stands elsewhere is as far from the dialogue's end as when it was sent
    last. Then it was an injection all the time; a reply of ours never is."""
    if known.messages[version].ours:
        return False
    behind = len(path) - 1 - path.index(version)
    newest = 1 if path and known.messages[path[-1]].ours and behind else 0
    return depth == behind - newest


def at_first_sight(prompt: Prompt) -> frozenset[int]:
    """Places of a first dialogue that may be injections: of a few messages only, those that an instruction parts from
    the greeting behind them."""
    if len(prompt.dialogue) >= MET_MID_CHAT or prompt.persona is None:
        return frozenset()
    openings = [run[0] for run in prompt.runs if prompt.dialogue[run[0]].role == "assistant"]
    return frozenset(range(openings[-1])) if openings else frozenset()
