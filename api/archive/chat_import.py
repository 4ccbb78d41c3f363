"""A chat file becomes a session: its lines in order, their swipes as paths that were left.

    line with swipes A, B, C, of which B is shown:   A joins the path, leaves it for B, that for C, and B comes back

So every version of the session is a moment that the chat can have had, and the earlier replies are its earlier paths.
"""

from dataclasses import dataclass

from api.archive.chat_file import ChatFile, ChatLine, Progress, silent
from domain.operations import Append, Rearrange
from domain.path import splice
from domain.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """How many lines are in view, how many swipes are beside them, and how many lines are known and not in view."""

    swipes: int
    out_of_view: int


def bring(session: Session, chat: ChatFile, progress: Progress = silent) -> Brought:
    """Let the session receive all that the file says."""
    swipes = out_of_view = 0
    for line in chat.lines(progress):
        if line.in_view:
            _append(session, line)
            swipes += len(line.swipes) - 1
        else:
            session.receive(turn=None, operations=[Append(line.swipes[0])])
            out_of_view += 1
    return Brought(swipes=swipes, out_of_view=out_of_view)


def _append(session: Session, line: ChatLine) -> None:
    at, versions = len(session.path), list[int]()
    for message in line.swipes:
        if versions:
            session.receive(turn=None, operations=[Rearrange("swipe", [splice(at, versions[-1:], [])])])
        versions += session.receive(turn=None, operations=[Append(message)]).messages
    shown = versions[line.chosen]
    if shown != versions[-1]:
        session.receive(turn=None, operations=[Rearrange("swipe", [splice(at, versions[-1:], [shown])])])
