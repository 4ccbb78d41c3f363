"""What is missing at a transcript's head: trimmed by the client for want of room, or removed by the user (rule 2)."""

from collections.abc import Sequence
from typing import Final

from domain.known import Known
from domain.prompt import Prompt

MARGIN: Final = 1.15
"""Characters are not tokens: by so much a prompt must be larger to tell that there was room."""

AT_ONCE: Final = 100
"""Messages at the head that may be removed; more of them were trimmed."""


def was_removed(missing: Sequence[int], behind: int, prompt: Prompt, known: Known) -> bool:
    """Whether the path's first messages, which the transcript does not show, were removed and not trimmed: since they
    are missing the client sent a prompt larger than the first one without them would need. `behind` is the first
    message that is shown."""
    since = _since(behind, known)
    if since is None or not 0 < len(missing) <= AT_ONCE:
        return False
    latest = known.prompts.latest
    needed = latest[since]["characters"] + sum(len(known.texts.get(version, "")) for version in missing)
    largest = max([prompt.characters, *(record["characters"] for record in latest[since:])])
    return largest > MARGIN * needed


def _since(behind: int, known: Known) -> int | None:
    """The earliest of the latest prompts from which on the transcript began where it begins now."""
    found: int | None = None
    for place in range(len(known.prompts.latest) - 1, -1, -1):
        if known.prompts.latest[place]["first"] != behind:
            break
        found = place
    return found
