"""A client's transcript against what we know: how the path has to change, what is new, what the request asks for.

A client sends its whole prompt every time and never says what was edited, swiped, deleted or branched. What it shows is
compared with what is known, by alignment and never by index. Nothing is ever lost by it: what leaves the path stays
known, and comes back with its path.

    read      instructions, names, folded paragraphs and learned injections out              rules 1, 8, 9, 11
    place     the best path and the last match on it; a thin client's words have none        rules 3, 10
    lay out   what matched, was edited, returns, is new, is held; what leaves and what stays rules 2, 4, 5, 9
    intend    the kind of turn, or none: raw, quiet, impersonation                           rules 6, 7, 8
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from domain.intention import Change, is_raw, kind_of, speaker
from domain.known import Known
from domain.layout import Layout, laid_out
from domain.messages import Message
from domain.operations import Append, Edit, Operation, Settle
from domain.placing import Place, is_thin, newest, placed
from domain.prompt import Prompt
from domain.reading import Reading, Said, assistants, read
from domain.records import PathCause, TranscriptRecord, TurnKind

LIVE: Final = 8
"""New messages behind a known path that count as said just now; more of them are a history."""


class Arrived(NamedTuple):
    """A message that the operations bring in, and its place in the dialogue."""

    place: int
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What a transcript means.

    `kind` is that of the turn it asks for; None for a prompt that is answered and never stored. `matched` has for each
    message of the dialogue the version it is known by, or None; `arrived` those that the operations bring in, in the
    order in which they do; `aside` the places of injections, which stay in what the model is shown and are no messages.
    `speaker` is the name of who answers in a group, `record` what the next request needs to know, `reason` why the
    transcript could not be placed. `alone` says that the prompt belongs to no chat and must not be mixed with one.
    """

    kind: TurnKind | None
    alone: bool
    operations: list[Operation]
    matched: list[int | None]
    arrived: list[Arrived]
    aside: frozenset[int]
    speaker: str | None
    record: TranscriptRecord
    reason: str | None


def reconcile(prompt: Prompt, known: Known) -> Reconciliation:
    """Compare a client's prompt with a session."""
    reading = read(prompt, known)
    thin = not reading.said or is_thin(reading.said, prompt, known)
    said = newest(reading.said) if thin else reading.said
    place = Place(base=known.path, matches=()) if thin else placed(said, known)
    layout = _appended(said, known) if thin else laid_out(said, place, prompt, known)
    settled, appended = _split(layout, said, known)
    displaced = bool(layout.displaced) or place.base is not known.path
    alone = prompt.mode == "stateless" or (is_raw(prompt, known) and not (prompt.named and place.matches))
    kind = None if alone else kind_of(Change(said=said, appended=appended, displaced=displaced), prompt, known)
    return Reconciliation(
        kind=kind,
        alone=alone,
        operations=[*_settling(settled, appended, layout, place, known), *map(Append, appended)],
        matched=_matched(layout, said, prompt),
        arrived=_arrived(layout, said),
        aside=reading.aside.union(one.place for one, fate in zip(said, layout.fates, strict=True) if fate is None),
        speaker=speaker(said, prompt),
        record=_record(prompt, reading, layout, kind),
        reason=place.reason,
    )


def _appended(said: Sequence[Said], known: Known) -> Layout:
    """All of it behind the path, whatever it says."""
    new = [one.message for one in said]
    return Layout(fates=[*new], path=[*known.path, *new])


# -- what is to be done ------------------------------------------------------------------------------------------------


def _split(
    layout: Layout, said: Sequence[Said], known: Known
) -> tuple[Sequence[int | Edit | Message], Sequence[Message]]:
    """The path as it is to be settled, and the messages to be appended to it, which count as said just now.

    A history that is new to us is settled: only what stands behind its last reply was said now.
    """
    end = len(layout.path)
    while end and isinstance(layout.path[end - 1], Message):
        end -= 1
    roles = [message.role for message in layout.path[end:] if isinstance(message, Message)]
    if _is_history(roles, known):
        end += max((at for at, role in enumerate(roles, 1) if role == "assistant"), default=0)
    appended = [message for message in layout.path[end:] if isinstance(message, Message)]
    return layout.path[:end], appended


def _is_history(roles: Sequence[str], known: Known) -> bool:
    """Whether these new messages tell of turns that others answered."""
    if known.path:
        return len(roles) > LIVE
    last_reply = max((at for at, role in enumerate(roles) if role == "assistant"), default=0)
    return "user" in roles[:last_reply]


def _settling(
    settled: Sequence[int | Edit | Message], appended: Sequence[Message], layout: Layout, place: Place, known: Known
) -> list[Operation]:
    if len(settled) == len(known.path) and list(settled) == list(known.path):
        return []
    return [Settle(_cause(settled, appended, layout, place, known), settled)]


def _cause(
    settled: Sequence[int | Edit | Message], appended: Sequence[Message], layout: Layout, place: Place, known: Known
) -> PathCause:
    """The one word for a change that may be several things at once: the one that changes most."""
    order = {version: at for at, version in enumerate(known.path)}
    kept = [order[one] for one in settled if isinstance(one, int) and one in order]
    returned = any(isinstance(one, int) and one not in order for one in settled)
    replies_only = all(known.messages[version].role == "assistant" for version in layout.displaced)
    if place.reason is not None or place.base is not known.path:
        return "branch"
    if any(isinstance(one, Message) for one in settled):
        return "backfill"
    if kept != sorted(kept):
        return "reorder"
    if layout.displaced:
        return "swipe" if replies_only else "branch" if appended or returned else "remove"
    if returned:
        return "restore"
    return "remove" if layout.left else "edit"


# -- what others need to know of it ------------------------------------------------------------------------------------


def _matched(layout: Layout, said: Sequence[Said], prompt: Prompt) -> list[int | None]:
    matched: list[int | None] = [None] * len(prompt.dialogue)
    for one, fate in zip(said, layout.fates, strict=True):
        if isinstance(fate, int) and one.place >= 0:
            matched[one.place] = fate
    return matched


def _arrived(layout: Layout, said: Sequence[Said]) -> list[Arrived]:
    return [
        Arrived(one.place, one.message)
        for one, fate in zip(said, layout.fates, strict=True)
        if fate is not None and not isinstance(fate, int)
    ]


def _record(prompt: Prompt, reading: Reading, layout: Layout, kind: TurnKind | None) -> TranscriptRecord:
    first = next((fate for fate in layout.fates if fate is not None), None)
    return {
        "characters": prompt.characters,
        "count": len(reading.said),
        "whole": assistants(reading.said),
        "first": first if isinstance(first, int) else None,
        "persona": prompt.persona,
        # A nudge to continue is nothing that ends a prompt otherwise.
        "ending": None if kind == "continue" else prompt.ending,
        "held": layout.held,
        "learned": sorted(reading.learned | layout.learned),
        "ignored": reading.ignored,
    }
