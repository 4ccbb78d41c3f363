"""Of what is projected from the log: whether the views can be read and stand where the log stands, and the vectors.

views      each folder of views: its file, its tables, how far it has read, views that stopped
vectors    as many in the views as in the log, and of the embedder that is configured
"""

from collections.abc import Sequence
from typing import Final

from api.doctor.findings import Finding, counted, ok, unchecked, wrong
from api.doctor.stored import ExaminedLog, LogFacts
from projections.session_index import Embedders
from projections.slots import SlotFound

REBUILD: Final = (
    "`heartline rebuild`: they are made anew from the log, and nothing is lost. Stop a server that does not take them."
)


def views_found(slots: Sequence[SlotFound], log: ExaminedLog, facts: LogFacts | None) -> Finding:
    """Whether every folder of views is one that a server can go on with."""
    if not slots:
        return ok("views", "There are none yet; the next start makes them from the log.")
    for slot in slots:
        if (ill := _ill(slot, log, facts)) is not None:
            return wrong("views", f"{slot.name} {ill}", REBUILD)
    return ok("views", " ".join(_told(slot, facts) for slot in slots))


def vectors_found(slots: Sequence[SlotFound], facts: LogFacts | None, embedders: Embedders) -> Finding:
    """Whether recall has the vectors that the log has, and whether they are the configured embedder's."""
    if facts is None:
        return unchecked("vectors", "There is no log to compare with.")
    used = [embedders.vectors, *([embedders.tokens] if embedders.tokens is not None else [])]
    others = sorted(facts.vectors.keys() - set(used))
    read = [slot for slot in slots if slot.fault is None and slot.current]
    for slot in read:
        if slot.sequence == facts.last_sequence and slot.vectors < sum(facts.vectors.values()) and not slot.refused:
            found = f"{slot.name} holds {slot.vectors} of the log's {sum(facts.vectors.values())} vectors."
            return wrong("vectors", found, REBUILD)
    told = [f"{' and '.join(f'{facts.vectors.get(name, 0)} of {name}' for name in used)}."]
    if others:
        told.append(f"Others are kept and not used: {', '.join(others)}.")
    if wanting := max((slot.wanting for slot in read), default=0):
        told.append(f"{counted(wanting, 'text')} without one yet: a running server makes them in the background.")
    return ok("vectors", " ".join(told))


def _ill(slot: SlotFound, log: ExaminedLog, facts: LogFacts | None) -> str | None:
    """What is wrong with a folder, if anything is that does not mend itself."""
    if slot.fault is not None:
        return f"is damaged: {slot.fault.rstrip('.')}."
    if slot.stopped:
        names = ", ".join(f"{one.name} (at {one.stopped_at}: {one.error})" for one in slot.stopped)
        return f"has views that stopped before an event: {names}."
    if slot.held and facts is not None and slot.position and log.chain_at(slot.position) != slot.chain:
        return "was made from another log, or the log was put back while a server ran."
    return None


def _told(slot: SlotFound, facts: LogFacts | None) -> str:
    holder = "held by a process" if slot.held else "free"
    if not slot.current:
        return f"{slot.name} ({holder}) is another Heartline's, and is made anew at the next start."
    if facts is None or slot.position >= facts.last_position:
        return f"{slot.name} ({holder}) stands at position {slot.position}."
    behind = facts.last_position - slot.position
    return f"{slot.name} ({holder}) stands {behind} positions behind the log; whoever holds it reads on."
